"""Which passes a call makes for a schedule: each day of a log by itself, the present once, and no day twice."""

from datetime import date, timedelta

import pytest

from refera_platform.lake.object_state import RawState
from refera_platform.runners.aws_lambda.catch_up import plan_missing_days, plan_requested_days, scheduled_day
from refera_platform.runners.aws_lambda.event import parse_event
from refera_platform.source.table import SourceTable, Strategy
from refera_platform_tests.checkout import declared_tables

pytestmark = pytest.mark.unit

DAY = date(2026, 3, 10)


def table(name, strategy=Strategy.LOG):
    return SourceTable(database="shop", name=name, key=("id",), strategy=strategy, about="A table of a test.")


def state(days_ago, *, is_closed=True, strategy="log"):
    return RawState(
        database="shop",
        table="t",
        day=DAY - timedelta(days=days_ago),
        strategy=strategy,
        server="s",
        schema="shop",
        start_position="",
        end_position="",
        is_closed=is_closed,
    )


def passes_of(newest, afresh=()):
    """Names, days of the month and new baselines of each pass."""
    found = plan_missing_days(newest, DAY, frozenset(afresh))
    return [
        ("".join(each.name for each in one.tables), [day.day for day in one.days], sorted(one.resnapshot_tables))
        for one in found.runs
    ]


def test_the_night_after_a_day_is_one_pass():
    assert passes_of({table("a"): state(2), table("b"): state(1, is_closed=False)}) == [("ab", [9], [])]
    assert passes_of({table("a"): None, table("b"): None}) == [("ab", [9], [])]
    assert passes_of({table("a"): state(2), table("b"): None}) == [("ab", [9], [])]


def test_after_a_downtime_each_day_of_the_log_is_a_pass_of_the_tables_that_lack_it():
    newest = {
        table("a"): state(4),
        table("b"): state(2),
        table("c"): state(3, is_closed=False),
        table("n"): None,
    }
    assert passes_of(newest) == [("ac", [7], []), ("ac", [8], []), ("abc", [9], []), ("n", [9], [])]


def test_who_sees_only_the_present_gets_all_days_at_once():
    compared = {
        table("a"): state(3),
        table("c", Strategy.COMPARE): state(3, strategy="compare"),
        table("s"): state(3, strategy="compare"),  # its strategy was changed: a new baseline
    }
    assert passes_of(compared) == [("a", [8], []), ("a", [9], []), ("cs", [8, 9], [])]


def test_a_new_baseline_is_made_once():
    newest = {table("a"): state(3), table("b"): state(3)}
    assert passes_of(newest, {"b"}) == [("a", [8], []), ("a", [9], []), ("b", [8, 9], ["b"])]


def test_a_table_that_shows_a_later_moment_is_left_alone():
    late = table("c", Strategy.COMPARE)
    found = plan_missing_days({table("a"): state(2), late: state(0, strategy="compare")}, DAY, frozenset())
    assert found.up_to_date == (late,)
    assert [[each.name for each in one.tables] for one in found.runs] == [["a"]]
    assert plan_missing_days({late: state(0, strategy="compare")}, DAY, frozenset()).runs == ()


def test_days_that_are_named_are_one_pass():
    request = parse_event(
        {"database": "classicmodels", "stage": "test", "days": ["2026-03-08", "2026-03-09"]}, declared_tables()
    )
    (one,) = plan_requested_days(request).runs
    assert [day.day for day in one.days] == [8, 9]
    assert scheduled_day(request, "UTC") is None


def test_the_day_of_a_schedule_is_that_of_the_stage_s_time_zone():
    request = parse_event(
        {"database": "classicmodels", "stage": "test", "scheduled_at": "2026-03-10T01:30:00Z"}, declared_tables()
    )
    assert scheduled_day(request, "America/Recife") == date(2026, 3, 9)
