"""What earlier versions stored or sent is read as it was meant, and what this one writes is what they read."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from refera_platform.doctor.log_retention import LogRetention
from refera_platform.doctor.preflight import Diagnosis
from refera_platform.errors import ReferaError
from refera_platform.ingest.result import IngestFailure
from refera_platform.ingest.snapshot.chunk_staging import ChunkStaging
from refera_platform.ingest.snapshot.chunks import ChunkPlan
from refera_platform.json_codec import encode_json
from refera_platform.lake.lake import Lake
from refera_platform.lake.object_state import RawState
from refera_platform.orchestration.alerts import AlertsCursor
from refera_platform.runners.aws_lambda import messages
from refera_platform.sandbox.stack_file import read_stack_address, write_stack_address
from refera_platform.warehouse.catalogs.lineage import Lineage
from refera_platform.warehouse.publish.manifest import Publication, read_publication
from refera_platform_tests import stored_examples as examples

pytestmark = pytest.mark.unit

STORED = Path(__file__).parent / "stored"


def stored(name: str) -> str:
    return (STORED / f"{name}.json").read_text()


def read_state(text: str) -> RawState:
    return RawState.from_json(text, "s3://b/part-0.parquet")


def read_manifest(text: str) -> Publication:
    return read_publication(examples.OneObject(text))  # type: ignore[arg-type]


def staging(bucket: examples.OneObject) -> ChunkStaging:
    return ChunkStaging(cast(Lake, SimpleNamespace(objects=bucket)), examples.ORDERS)


def write_plan(plan: ChunkPlan) -> str:
    bucket = examples.OneObject("")
    staging(bucket).replace_plan(plan)
    return bucket.text


def read_plan(text: str) -> ChunkPlan | None:
    return staging(examples.OneObject(text)).read_plan()


def send_result(result: messages.TableResult) -> str:
    return json.dumps(messages.result_to_json(result))


def receive_result(text: str) -> messages.TableResult:
    return messages.result_from_json(json.loads(text), {examples.ORDERS.address: examples.ORDERS})


@pytest.mark.parametrize(
    ("name", "value", "write", "read"),
    [
        pytest.param(name, *each, id=name)
        for name, each in {
            "state": (examples.STATE, RawState.to_json, read_state),
            "empty_state": (examples.EMPTY_STATE, RawState.to_json, read_state),
            "publication": (examples.PUBLICATION, Publication.to_json, read_manifest),
            "cursor": (examples.CURSOR, AlertsCursor.to_json, AlertsCursor.from_json),
            "plan": (examples.PLAN, write_plan, read_plan),
            "result": (examples.RESULT, send_result, receive_result),
            "chunks": (examples.CHUNKS, send_result, receive_result),
        }.items()
    ],
)
def test_versions_read_each_other(
    name: str, value: Any, write: Callable[[Any], str], read: Callable[[str], Any]
) -> None:
    written = write(value)
    assert json.loads(written) == json.loads(stored(name))
    assert read(stored(name)) == value
    assert read(written) == value


@pytest.mark.parametrize(("name", "state"), [("state", examples.STATE), ("empty_state", examples.EMPTY_STATE)])
def test_the_text_of_a_footer_is_the_same_to_the_byte(name: str, state: RawState) -> None:
    assert state.to_json() == stored(name)


def test_a_footer_of_before_there_were_checksums_is_read() -> None:
    content = json.loads(stored("empty_state"))
    for later in ("checksum", "collations", "read_at", "is_observed"):
        del content[later]
    assert read_state(json.dumps(content)) == examples.EMPTY_STATE


def test_a_manifest_of_the_first_format_is_read() -> None:
    table = {"rows": 1, "bytes": 2, "sha256": "ab", "etag": "e", "run_id": "1", "columns": {"a": "INTEGER"}}
    content = {"format": 1, "run_id": "1", "published_at": "x", "models": {"fct": table}, "sources": {}}
    (item,) = read_manifest(json.dumps(content)).models["fct"].objects
    assert (item.month, item.rows, item.bytes, item.sha256, item.etag) == ("", 1, 2, "ab", "e")


def test_lineage_is_read_without_its_problems_and_in_the_order_of_its_models() -> None:
    written = json.loads(examples.LINEAGE.to_json())
    assert written == json.loads(stored("lineage"))
    assert list(written["models"]) == sorted(examples.LINEAGE.models)
    assert Lineage.from_json(stored("lineage")) == Lineage(models=examples.LINEAGE.models)


def test_a_cursor_of_before_symptoms_were_kept_is_read() -> None:
    content = json.loads(stored("cursor"))
    del content["stories"][1]["marks"]
    cursor = AlertsCursor.from_json(json.dumps(content))
    assert cursor is not None
    assert cursor.memory.incidents[1].affected == examples.CURSOR.memory.incidents[1].affected


def outcome(error: ReferaError | None) -> Any:
    return error and (type(error), error.problem, error.remedy, error.is_transient, error.public_problem)


def test_a_failure_arrives_as_its_own_error() -> None:
    assert json.loads(send_result(examples.FAILURE)) == json.loads(stored("failure"))
    received = receive_result(stored("failure"))
    assert isinstance(received, IngestFailure)
    assert received.table is examples.ORDERS
    assert outcome(received.error) == outcome(examples.FAILURE.error)


def test_a_diagnosis_and_log_retentions_arrive() -> None:
    assert json.loads(encode_json(examples.DIAGNOSIS)) == json.loads(stored("diagnosis"))
    assert messages.decode_message(json.loads(stored("diagnosis")), Diagnosis) == examples.DIAGNOSIS
    for retention, content in zip(examples.RETENTIONS, json.loads(stored("retentions")), strict=True):
        assert json.loads(encode_json(retention)) == content
        received = messages.decode_message(content, LogRetention)
        assert (received.has_read_log, received.remaining) == (retention.has_read_log, retention.remaining)
        assert outcome(received.error) == outcome(retention.error)


def test_the_address_of_a_stack_is_read_with_what_earlier_versions_added(tmp_path: Path) -> None:
    write_stack_address(tmp_path, examples.STACK)
    written = tmp_path / "stack.json"
    assert json.loads(written.read_text()) == json.loads(stored("stack"))
    content = json.loads(stored("stack"))
    content["s3"]["pages"] = 1
    written.write_text(json.dumps(content))
    assert read_stack_address(tmp_path) == examples.STACK
