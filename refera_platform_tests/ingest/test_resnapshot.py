"""A resnapshot belongs to the day on which it is read: no closed day is rewritten, and what is lost is said."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from refera_platform.answers.session import open_query_session
from refera_platform.cli.resnapshot import days_to_fill
from refera_platform.duckdb_session.scratch import scratch_folder
from refera_platform.errors import QueryError
from refera_platform.ingest.run import ingest_tables
from refera_platform.lake.days import days_between, plan_catch_up
from refera_platform.lake.lake import Lake
from refera_platform.lake.missing_days import find_missing_days
from refera_platform.orchestration.checks.hourly import missing_days_result
from refera_platform.source.connection import open_source
from refera_platform.source.table import Strategy
from refera_platform_tests.business import TODAY
from refera_platform_tests.checkout import checkout_project, find_table
from refera_platform_tests.ingest.logged_tables import differences_of, raw_of, states_of
from refera_platform_tests.ingest.test_stream_errors import purge, reset
from refera_platform_tests.local_stack import captured, context_of, evening

ONE = timedelta(days=1)
PAYMENTS = find_table("payments")
FIRST, LOST, ALSO_LOST = (TODAY - ONE * back for back in (3, 2, 1))
NOON = datetime(TODAY.year, TODAY.month, TODAY.day, 12, tzinfo=UTC)
READ = "'2026-03-10 12:00:00+00'"


def at(stage, instant, *days, table=PAYMENTS, afresh=False):
    """Capture days of a table at an instant, which need not be on the last of them."""
    here = stage.at_instant(instant)
    with scratch_folder(here) as folder, open_source(here, "classicmodels", folder) as source:
        names = {table.name} if afresh else set()
        (came,) = ingest_tables(context_of(here, source, folder), [table], days, resnapshot_names=names)
    assert not hasattr(came, "error"), came.error
    return came


def night(day):
    """Half an hour after a day ended."""
    return evening(day) + timedelta(minutes=30)


def then(stage, day, table=PAYMENTS):
    """Check number and amount of each payment at the end of a day."""
    with open_query_session(stage, checkout_project()) as session:
        return [(row[1], row[3]) for row in session.query(session.rows_as_of(table, day)).fetchall()]


def objects(stage, table=PAYMENTS):
    """The ETag of each day's object."""
    return {day: item.etag for day, item in Lake(stage).stored_days(table).items()}


AS_IT_WAS = [("C1", Decimal("48.98")), ("C2", Decimal("60.00")), ("C3", Decimal("0.01"))]


@pytest.mark.parametrize("harm", [purge, reset])
def test_a_closed_day_stays_and_what_the_lost_log_hid_is_said(stage, home, shop, harm):
    shop.at(FIRST)
    at(stage, night(FIRST), FIRST)
    shop.at(LOST)
    shop.run("update payments set amount = 7 where checkNumber = 'C1'")
    shop.run("delete from payments where checkNumber = 'C2'")
    harm(home)
    before = objects(stage)
    assert days_to_fill(stage.at_instant(NOON), Lake(stage), PAYMENTS) == (LOST, ALSO_LOST, TODAY)
    # whatever day is asked for: the snapshot is today's
    came = at(stage, NOON, ALSO_LOST, afresh=True)
    assert (came.day, came.unseen_days, dict(came.added)) == (TODAY, (LOST, ALSO_LOST), {"r": 2, "d": 1})
    assert objects(stage)[FIRST] == before[FIRST]
    assert raw_of(stage, PAYMENTS, "_op", FIRST) == [("r",)] * 3
    assert raw_of(stage, PAYMENTS, f"distinct _changed_at = {READ}", TODAY) == [(True,)]
    assert differences_of(stage, [PAYMENTS]) == {}

    said = "classicmodels.payments is not known between 2026-03-08 00:00:00 and 2026-03-10 12:00:00 UTC"
    assert then(stage, FIRST) == AS_IT_WAS
    for day in (LOST, ALSO_LOST):
        with pytest.raises(QueryError, match=rf"{said}, .* end of {day}: .*ask for 2026-03-07 or 2026-03-10"):
            then(stage, day)
    assert then(stage, TODAY) == [("C1", Decimal("7.00")), ("C3", Decimal("0.01"))]

    # the nights go on: the day that yesterday's schedule asks for is there, and today is closed by the log
    assert at(stage, NOON, ALSO_LOST).agrees
    shop.at(TODAY, 20)
    shop.run("update payments set amount = 8 where checkNumber = 'C1'")
    newest = states_of(stage, PAYMENTS)[TODAY]
    assert plan_catch_up({PAYMENTS: newest}, TODAY).days == (TODAY,)
    at(stage, night(TODAY), TODAY)
    at(stage, night(TODAY), *days_between(FIRST, TODAY))
    assert [row[0] for row in raw_of(stage, PAYMENTS, "_op", TODAY)] == ["d", "r", "r", "u"]
    with pytest.raises(QueryError, match=said):
        then(stage, LOST)
    assert then(stage, TODAY)[0] == ("C1", Decimal("8.00"))
    known = states_of(stage, PAYMENTS)
    check = missing_days_result(PAYMENTS, find_missing_days(PAYMENTS, known, stage.at_instant(night(TODAY)).clock))
    assert check.passed
    assert said in check.description
    assert "No run observed" not in check.description
    # the twin: without what the object says, the days would be days that nobody happened to look at
    forgotten = {day: replace(state, unknown_since="") for day, state in known.items()}
    check = missing_days_result(PAYMENTS, find_missing_days(PAYMENTS, forgotten, stage.at_instant(night(TODAY)).clock))
    assert "not known" not in check.description


def test_with_its_log_there_a_resnapshot_leaves_nothing_unknown(stage, shop):
    shop.at(FIRST)
    at(stage, night(FIRST), FIRST)
    at(stage, night(FIRST) + timedelta(hours=3), LOST)  # begun, and not over
    for day, amount in ((LOST, 1), (ALSO_LOST, 2), (TODAY, 3)):
        shop.at(day, 10)
        shop.run(f"update payments set amount = {amount} where checkNumber = 'C1'")
    came = at(stage, NOON, TODAY, afresh=True)
    assert [each.day for each in came.ingested_days] == [LOST, ALSO_LOST, TODAY]
    assert (came.unseen_days, dict(came.added)) == ((), {"u": 1, "r": 3})
    for day, amount in ((LOST, 1), (ALSO_LOST, 2), (TODAY, 3)):
        assert then(stage, day)[0] == ("C1", Decimal(amount))
    assert not any(state.unknown_since for state in states_of(stage, PAYMENTS).values())
    assert [state.is_closed for state in states_of(stage, PAYMENTS).values()] == [True, True, True, False]
    again = at(stage, NOON, TODAY, afresh=True)
    assert dict(again.added) == {"r": 3}
    assert not states_of(stage, PAYMENTS)[TODAY].unknown_since
    assert differences_of(stage, [PAYMENTS]) == {}


def test_a_day_that_was_captured_while_it_went_on_is_unknown_from_there(stage, home, shop):
    at(stage, NOON - ONE, ALSO_LOST)
    shop.at(ALSO_LOST, 13)
    shop.run("update payments set amount = 7 where checkNumber = 'C1'")
    purge(home)
    at(stage, NOON, TODAY, afresh=True)
    with pytest.raises(
        QueryError, match=r"between 2026-03-09 12:00:00 and 2026-03-10 12:00:00 UTC, .*; ask for 2026-03-10"
    ):
        then(stage, ALSO_LOST)
    shop.at(TODAY, 13)
    shop.run("update payments set amount = 8 where checkNumber = 'C1'")
    purge(home)  # once more on the same day: what is unknown began with the first loss
    at(stage, NOON + timedelta(hours=2), TODAY, afresh=True)
    state = states_of(stage, PAYMENTS)[TODAY]
    assert (state.unknown_since, state.unknown_until) == (
        "2026-03-09T12:00:00+00:00",
        "2026-03-10T14:00:00+00:00",
    )


def test_what_the_log_tells_before_it_cannot_be_read_is_kept(stage, home, shop):
    """A statement instead of rows: the day before it is told whole, the day that it is on is not."""
    at(stage, NOON - ONE, ALSO_LOST)
    shop.at(ALSO_LOST, 13)
    shop.run("update payments set amount = 5 where checkNumber = 'C1'")
    shop.at(TODAY, 9)
    shop.run("set session binlog_format = 'STATEMENT'")
    shop.run("update payments set amount = 6 where checkNumber = 'C1'")
    shop.run("set session binlog_format = 'ROW'")
    at(stage, NOON, TODAY, afresh=True)
    assert then(stage, ALSO_LOST)[0] == ("C1", Decimal(5))
    assert then(stage, TODAY)[0] == ("C1", Decimal(6))
    state = states_of(stage, PAYMENTS)[TODAY]
    assert state.unknown_since == "2026-03-10T00:00:00+00:00"


def test_the_resnapshot_of_a_table_that_is_compared_is_of_today_too(stage, shop):
    compared = replace(PAYMENTS, strategy=Strategy.COMPARE)
    at(stage, night(FIRST), FIRST, table=compared)
    before = objects(stage)
    shop.run("update payments set amount = 7 where checkNumber = 'C1'")
    came = at(stage, NOON, ALSO_LOST, table=compared, afresh=True)
    assert (came.day, came.unseen_days) == (TODAY, (LOST, ALSO_LOST))
    assert objects(stage)[FIRST] == before[FIRST]
    assert then(stage, FIRST) == AS_IT_WAS
    with pytest.raises(QueryError, match="was not read on"):
        then(stage, LOST)


def test_a_table_without_a_past_begins_with_the_newest_full_day(stage, shop):
    assert days_to_fill(stage.at_instant(NOON), Lake(stage), PAYMENTS) == (ALSO_LOST,)
    assert captured(stage, "payments", TODAY, afresh=True).day == TODAY
