"""Faults with one cause are one incident, whatever names, days and numbers they hold."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refera_platform.alerts.fault import MAX_CAUSE_CHARACTERS, Fault, FaultKind, one_line
from refera_platform.alerts.incident import group_faults

pytestmark = pytest.mark.unit

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
TABLES = [
    "customers",
    "employees",
    "offices",
    "orderdetails",
    "orders",
    "payments",
    "productlines",
    "products",
]


def fault(cause, *tables, kind=FaultKind.RUN, run="", link="/runs/1", minutes=0):
    return Fault(
        kind=kind,
        cause=cause,
        affected=tuple(f"raw/classicmodels/{table}" for table in tables),
        link=link,
        since=NOON + timedelta(minutes=minutes),
        run_id=run,
    )


@pytest.mark.parametrize(
    ("said", "shared"),
    [
        ("Table classicmodels.{} has no primary key.", "the table has no primary key."),
        ("classicmodels.{}: day 2026-03-09 was due.", "the table: day 2026-03-09 was due."),
        ("SELECT command denied for table '{}'", "SELECT command denied for table 'the table'"),
        ("s3://bucket/raw/classicmodels/{}/day.parquet is gone", "s3://bucket/the table/day.parquet is gone"),
    ],
)
def test_eight_tables_that_fail_for_one_reason_are_one_incident(said, shared):
    (found,) = group_faults([fault(said.format(table), table) for table in TABLES])
    assert found.cause == shared
    assert found.affected == tuple(f"raw/classicmodels/{table}" for table in TABLES)


def test_one_table_alone_is_named():
    (found,) = group_faults([fault("Table classicmodels.orders has no primary key.", "orders")])
    assert found.cause == "Table classicmodels.orders has no primary key."


def test_two_causes_are_two_incidents():
    found = group_faults([fault("The disk is full.", "orders"), fault("The password is wrong.", "payments")])
    assert [incident.cause for incident in found] == ["The disk is full.", "The password is wrong."]


def test_what_differs_only_by_day_is_one_and_tells_no_day_that_is_not_true_of_all():
    found = group_faults(
        [fault(f"classicmodels.{name}: newest is 2026-03-0{day}", name) for day, name in enumerate(TABLES)]
    )
    assert [incident.cause for incident in found] == ["the table: newest is …"]
    tomorrow = group_faults([fault("classicmodels.orders: newest is 2026-03-11", "orders")])
    assert tomorrow[0].fingerprint == found[0].fingerprint


def test_what_follows_from_a_failed_run_is_part_of_it():
    run = fault("The server does not answer.", "orders", "payments", run="1")
    overdue = fault("classicmodels.orders: day 2026-03-09 was due.", "orders", kind=FaultKind.OVERDUE, run="2")
    check = fault("3 rows differ.", "payments", kind=FaultKind.CHECK, run="1", link="/assets/x")
    (found,) = group_faults([check, overdue, run])
    assert (found.kind, found.cause, found.link) == (FaultKind.RUN, "The server does not answer.", "/runs/1")
    assert len(found.affected) == 2


@pytest.mark.parametrize(
    "other",
    [
        fault("3 rows differ.", "customers", kind=FaultKind.CHECK, run="1"),
        fault("3 rows differ.", "orders", kind=FaultKind.CHECK, run="0"),
        fault("classicmodels.customers: day 2026-03-09 was due.", "customers", kind=FaultKind.OVERDUE, run="2"),
    ],
    ids=["a check of a table that came", "a check of an earlier run", "another overdue table"],
)
def test_what_a_failed_run_does_not_explain_is_an_incident_of_its_own(other):
    assert len(group_faults([fault("The server does not answer.", "orders", run="1"), other])) == 2


def test_a_check_and_a_run_that_say_the_same_are_one():
    said = "The log is not the one that was read before: run `refera resnapshot`."
    (found,) = group_faults([fault(said, "orders", kind=FaultKind.CHECK), fault(said, "orders", "payments")])
    assert found.kind is FaultKind.RUN


def test_the_newest_run_is_linked():
    older, newer = (fault("The disk is full.", "orders", link=f"/runs/{n}", minutes=n) for n in (1, 2))
    (found,) = group_faults([newer, older])
    assert (found.link, found.since) == ("/runs/2", older.since)


@settings(deadline=None)
@given(st.text(max_size=3000))
def test_any_text_becomes_one_bounded_line(text):
    line = one_line(text)
    assert len(line) <= MAX_CAUSE_CHARACTERS
    assert line.isprintable()
    assert one_line(line) == line


def test_an_address_in_a_cause_loses_its_password():
    assert one_line("cannot reach mysql://reader:password@db/shop") == "cannot reach mysql://…@db/shop"


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["no {} here", "{} 7", "x"]), st.sampled_from(TABLES)), max_size=12))
def test_no_fault_is_lost_and_the_order_does_not_matter(pairs):
    faults = [fault(said.format(table), table) for said, table in pairs]
    found = group_faults(faults)
    assert {thing for incident in found for thing in incident.affected} == {each.affected[0] for each in faults}
    assert {one.fingerprint for one in found} == {one.fingerprint for one in faults}
    assert [one.fingerprint for one in group_faults(reversed(faults))] == [one.fingerprint for one in found]
