"""What a function says is what the process that called it knows: every field survives the way over JSON."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from refera_platform.doctor.log_retention import Runway
from refera_platform.doctor.preflight import Diagnosis
from refera_platform.errors import DayRefused, LakeError, ReferaError, SourceError
from refera_platform.ingest.result import Refused
from refera_platform.ingest.snapshot.chunks import InPieces
from refera_platform.runners.aws_lambda import messages
from refera_platform.source import catalog
from refera_platform.source.doctor.finding import fail, ok
from refera_platform.source.table import Strategy
from refera_platform_tests.business import TODAY
from refera_platform_tests.local_stack import capture_all, captured

BY_ADDRESS = {table.address: table for table in catalog.TABLES}


def over_json(came):
    return messages.heard(json.loads(json.dumps(messages.told(came))), BY_ADDRESS)


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
        assert over_json(one) == replace(one, known={})
    assert any(one.kept for one in came)
    assert any(one.altered.added for one in came)


def test_a_compared_table_arrives_whole(stage, shop, monkeypatch) -> None:
    table = replace(catalog.find("products"), strategy=Strategy.COMPARE)
    monkeypatch.setattr(catalog, "TABLES", (table,))
    one = captured(stage, "products", TODAY)
    assert messages.heard(json.loads(json.dumps(messages.told(one))), {table.address: table}) == replace(one, known={})


@pytest.mark.parametrize(
    "trouble",
    [DayRefused("Day is over:", "take another."), SourceError("Gone.", passing=True), ReferaError("What?")],
)
def test_a_refusal_keeps_its_kind(trouble: ReferaError) -> None:
    table = catalog.find("orders")
    heard = over_json(Refused(table=table, trouble=trouble))
    assert isinstance(heard, Refused)
    assert (type(heard.trouble), str(heard.trouble), heard.trouble.passing) == (
        type(trouble),
        str(trouble),
        trouble.passing,
    )
    assert heard.table is table


def test_pieces() -> None:
    came = InPieces(table=catalog.find("orders"), plan="ab" * 16, missing=(0, 3), count=9)
    assert over_json(came) == came


def test_a_kind_that_is_no_error_of_ours_is_not_made() -> None:
    said = {"kind": "Exception", "problem": "a", "remedy": "", "passing": False}
    assert type(messages.trouble_heard(said)) is ReferaError
    assert type(messages.trouble_heard({**said, "kind": "__doc__"})) is ReferaError


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"table": "classicmodels.orders", "came": "lost"},
        {"table": "other.orders", "came": "refused"},
        {"table": "classicmodels.orders", "came": "captured", "filled": []},
    ],
)
def test_another_version_is_not_understood_and_says_so(said) -> None:
    with pytest.raises(LakeError, match="does not understand"):
        messages.heard(said, BY_ADDRESS)


def test_a_diagnosis_and_runways() -> None:
    found = Diagnosis(findings=[ok("a", "b"), fail("c", "d", "e")], grants={"x": ["grant"]})
    assert messages.diagnosis_heard(json.loads(json.dumps(messages.diagnosis_told(found)))) == found
    for runway in (Runway(was_read=False), Runway(was_read=True, left=timedelta(hours=3.5))):
        assert messages.runway_heard(json.loads(json.dumps(messages.runway_told(runway)))) == runway
    gone = messages.runway_heard(messages.runway_told(Runway(was_read=True, trouble=LakeError("Purged:", "hurry."))))
    assert (type(gone.trouble), str(gone.trouble)) == (LakeError, "Purged: hurry.")
