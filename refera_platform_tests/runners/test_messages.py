"""What a function says is what the process that called it knows: every field survives the way over JSON."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from refera_platform.doctor.log_retention import LogRetention
from refera_platform.doctor.preflight import Diagnosis
from refera_platform.errors import DayRefused, LakeError, ReferaError, SourceError
from refera_platform.ingest.result import IngestFailure
from refera_platform.ingest.snapshot.chunks import PendingChunks
from refera_platform.json_codec import decode_values, encode_json, encode_values
from refera_platform.runners.aws_lambda import messages
from refera_platform.source.doctor.finding import failure_finding, ok_finding
from refera_platform.source.table import Strategy
from refera_platform_tests.business import TODAY
from refera_platform_tests.checkout import declare, declared_tables, find_table
from refera_platform_tests.local_stack import capture_all, captured

BY_ADDRESS = {table.address: table for table in declared_tables()}


def over_json(came):
    return messages.result_from_json(json.loads(json.dumps(messages.result_to_json(came))), BY_ADDRESS)


def test_every_table_of_a_capture_arrives_whole(stage, shop) -> None:
    days = [TODAY - timedelta(days=1), TODAY]
    shop.at(days[0])
    came = capture_all(stage, days[0])
    shop.at(days[1])
    shop.run("update customers set creditLimit = null where customerNumber = 10")
    shop.run("alter table products add column weight int")
    came += capture_all(stage, *days)
    came += capture_all(stage, *days)
    assert len(came) == 24
    for one in came:
        assert over_json(one) == replace(one, days_in_lake={})
    assert any(one.unchanged_days for one in came)
    assert any(one.schema_change.added for one in came)


def test_the_keys_on_the_wire_are_those_that_deployed_versions_read(stage, shop) -> None:
    content = messages.result_to_json(captured(stage, "products", TODAY))
    assert set(content) == {
        *(
            "came",
            "table",
            "altered",
            "filled",
            "is_settled",
            "kept",
            "lake_rows",
            "reconciled",
            "rows_twice",
            "seconds",
        ),
        *("source_rows", "unseen", "unwatched", "volumes"),
    }
    assert set(content["reconciled"]) == {
        *("columns", "first", "first_columns", "first_place", "left_out", "rows", "scope", "seconds"),
        *("trouble", "why_not"),
    }
    assert set(content["filled"][0]) == {"added", "bytes", "day", "state", "url"}
    assert set(content["altered"]) == {"added", "changed", "gone"}


def test_a_compared_table_arrives_whole(stage, shop, monkeypatch) -> None:
    table = replace(find_table("products"), strategy=Strategy.COMPARE)
    declare(monkeypatch, table)
    one = captured(stage, "products", TODAY)
    assert messages.result_from_json(
        json.loads(json.dumps(messages.result_to_json(one))), {table.address: table}
    ) == replace(one, days_in_lake={})


@pytest.mark.parametrize(
    "trouble",
    [DayRefused("Day is over:", "take another."), SourceError("Gone.", is_transient=True), ReferaError("What?")],
)
def test_a_refusal_keeps_its_kind(trouble: ReferaError) -> None:
    table = find_table("orders")
    heard = over_json(IngestFailure(table=table, error=trouble))
    assert isinstance(heard, IngestFailure)
    assert (type(heard.error), str(heard.error), heard.error.is_transient) == (
        type(trouble),
        str(trouble),
        trouble.is_transient,
    )
    assert heard.table is table


def test_pieces() -> None:
    came = PendingChunks(table=find_table("orders"), plan_id="ab" * 16, missing_numbers=(0, 3), chunk_count=9)
    assert over_json(came) == came


def test_a_kind_that_is_no_error_of_ours_is_not_made() -> None:
    said = {"kind": "Exception", "problem": "a", "remedy": "", "passing": False}
    assert type(decode_values(said, ReferaError)) is ReferaError
    assert type(decode_values({**said, "kind": "__doc__"}, ReferaError)) is ReferaError


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"table": "classicmodels.orders", "came": "lost"},
        {"table": "other.orders", "came": "refused"},
        {"table": "classicmodels.orders", "came": "captured", "filled": []},
        None,
        [],
    ],
)
def test_another_version_is_not_understood_and_says_so(said) -> None:
    with pytest.raises(LakeError, match="does not understand"):
        messages.result_from_json(said, BY_ADDRESS)


def test_a_diagnosis_and_runways() -> None:
    found = Diagnosis(findings=[ok_finding("a", "b"), failure_finding("c", "d", "e")], grants={"x": ["grant"]})
    assert messages.decode_message(json.loads(encode_json(found)), Diagnosis) == found
    for seconds in (None, 3.5 * 3600):
        runway = LogRetention(has_read_log=True, remaining_seconds=seconds, error=None)
        assert messages.decode_message(json.loads(encode_json(runway)), LogRetention) == runway
    purged = LogRetention(has_read_log=True, remaining_seconds=None, error=LakeError("Purged:", "hurry."))
    gone = messages.decode_message(encode_values(purged), LogRetention)
    assert (type(gone.error), str(gone.error)) == (LakeError, "Purged: hurry.")
