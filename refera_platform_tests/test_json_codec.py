"""What is stored as JSON and is not ours: an error that names the object, never a surprise further on."""

import json
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from refera_platform.errors import ReferaError
from refera_platform.ingest.snapshot.chunk_staging import ChunkStaging
from refera_platform.ingest.snapshot.chunks import ChunkPlan
from refera_platform.json_codec import encode_json
from refera_platform.lake.lake import Lake
from refera_platform.lake.object_state import RawState
from refera_platform.orchestration.alerts import AlertsCursor
from refera_platform.sandbox import stack_file
from refera_platform.sandbox.business import sample_state
from refera_platform.settings.stage import load_stage
from refera_platform.source.table import SourceTable
from refera_platform.warehouse.catalogs.lineage import Lineage
from refera_platform.warehouse.publish.manifest import Publication, PublishedModel, PublishedObject, read_publication
from refera_platform_tests.stored_examples import OneObject

STRANGE: tuple[Any, ...] = (None, [], {}, "x", 5, -1.5, True, [[]], {"a": None}, ["x"])
STATE = RawState(
    database="shop",
    table="orders",
    day=date(2026, 3, 10),
    strategy="log",
    server="s",
    schema="shop",
    start_position="",
    end_position="p",
    columns={"id": "INTEGER"},
    rows={"r": 2},
)
PUBLISHED = Publication(
    run_id="1",
    published_at="2026-03-10T00:00:00+00:00",
    sources={},
    models={
        "fct": PublishedModel(
            rows=1,
            bytes=2,
            run_id="1",
            columns={"a": "INTEGER"},
            objects=(PublishedObject(rows=1, bytes=2, sha256="ab"),),
        )
    },
)

PLAN = ChunkPlan(
    id="1",
    server="s",
    schema="shop",
    position="p",
    columns={"id": "INTEGER"},
    bounds=[("7",)],
    declared="d",
    most_rows=10,
)


HOSTILE = ("9" * 10_000, "[" * 100_000, f"{'[' * 100_000}{']' * 100_000}", '{"a":' * 5_000, f'{{"a": {"9" * 10_000}}}')
"""Texts that are too much for a parser."""


def documents(good: Any) -> Iterator[str]:
    """A good document with each of its parts replaced or taken out, at every depth; and no document at all."""
    yield from ("", "null", "[]", "5", '"x"', "{}", "{", "\x00", "nul", '{"format": 1}', "NaN", '"\\ud800"')

    def changed(node: Any) -> Iterator[Any]:
        if isinstance(node, dict | list):
            for key in list(node) if isinstance(node, dict) else range(len(node)):
                for other in (*STRANGE, *changed(node[key])):
                    copy = node.copy()
                    copy[key] = other
                    yield copy
                copy = node.copy()
                del copy[key]
                yield copy

    for each in changed(good):
        yield json.dumps(each)


def read_state(text: str) -> RawState:
    return RawState.from_json(text, "s3://b/raw/shop/orders/part-0.parquet")


def unsigned_text(state: RawState) -> str:
    """As versions wrote it that had no checksums, so that what is in it is looked at."""
    return json.dumps({key: value for key, value in json.loads(state.to_json()).items() if key != "checksum"})


def read_plan(text: str) -> ChunkPlan | None:
    lake = cast(Lake, SimpleNamespace(objects=OneObject(text)))
    return ChunkStaging(lake, SourceTable(database="shop", name="orders", key=("id",), about="Orders.")).read_plan()


def read_manifest(text: str) -> Publication:
    return read_publication(OneObject(text))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("reader", "writer", "expected", "named"),
    [
        pytest.param(read_state, RawState.to_json, STATE, "part-0.parquet", id="footer"),
        pytest.param(read_state, unsigned_text, STATE, "part-0.parquet", id="footer without a checksum"),
        pytest.param(read_plan, encode_json, PLAN, "plan.json", id="plan of chunks"),
        pytest.param(read_manifest, Publication.to_json, PUBLISHED, "_manifest.json", id="manifest"),
    ],
)
def test_what_is_not_ours_is_refused_by_its_key(
    reader: Callable[[str], Any], writer: Callable[[Any], str], expected: Any, named: str
) -> None:
    good = json.loads(writer(expected))
    read_again, refusals = 0, list[str]()
    for text in (*HOSTILE, *documents(good)):
        try:
            value = reader(text)
            assert reader(writer(value)) == value, "it is of the types that it declares"
            read_again += 1
        except ReferaError as error:
            refusals.append(error.problem)
    assert len(refusals) > read_again
    assert all(named in each for each in refusals)


def test_the_small_files_of_a_home_are_refused_by_their_name(home: Path, tmp_path: Path) -> None:
    good = json.loads((home / "stack.json").read_text())
    sample = {"seed": 1, "scale": 1.0, "simulated_through": "2026-03-10T00:00:00+00:00"}
    readers: tuple[tuple[str, Any, Callable[[], Any]], ...] = (
        ("stack.json", good, lambda: stack_file.read_stack_address(tmp_path)),
        ("stack.json", good, lambda: load_stage({"REFERA_HOME": str(tmp_path)})),
        ("sample.json", sample, lambda: sample_state.read_sample_state(tmp_path)),
        ("sample.json", sample, lambda: load_stage({"REFERA_HOME": str(tmp_path)})),
    )
    for name, document, reader in readers:
        (tmp_path / "stack.json").write_text(json.dumps(good))
        refusals = []
        for text in documents(document):
            (tmp_path / name).write_text(text)
            try:
                reader()
            except ReferaError as error:
                refusals.append(error.problem)
        assert len(refusals) > 5
        assert all(str(tmp_path) in each for each in refusals)
        (tmp_path / name).unlink()
        (tmp_path / name).mkdir()
        with pytest.raises(ReferaError, match=f"{tmp_path / name} cannot be read .Is a directory"):
            reader()
        (tmp_path / name).rmdir()


def test_what_another_version_remembered_is_forgotten_and_never_stops_a_run() -> None:
    cursor = {"seen": None, "watched": [], "stories": [], "pauses": {}}
    for text in (*HOSTILE, *documents(cursor)):
        AlertsCursor.from_json(text)
    for text in (*HOSTILE, *documents({"models": {"fct": {"a": [{"table": "t", "column": "c"}]}}})):
        assert isinstance(Lineage.from_json(text), Lineage)
