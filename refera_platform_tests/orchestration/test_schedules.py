"""The daily schedule: it closes yesterday, and after a downtime every day that nobody captured, in one run."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from refera_platform.definitions import build
from refera_platform.lake.days import CatchUp, days_between, plan_catch_up
from refera_platform.lake.object_state import RawState
from refera_platform.orchestration import headless, keys
from refera_platform.orchestration.partitions import RANGE_END_TAG, RANGE_START_TAG, partition_days
from refera_platform.orchestration.run_request import DailyRunRequest
from refera_platform.source.table import Strategy
from refera_platform_tests.business import TODAY
from refera_platform_tests.checkout import checkout_project, find_table
from refera_platform_tests.local_stack import captured, evening

ORDERS, PAYMENTS = find_table("orders"), find_table("payments")
NIGHT = TODAY + timedelta(days=1)


def state(day: date, *, is_closed: bool = True) -> RawState:
    return RawState(
        database="classicmodels",
        table="orders",
        day=day,
        strategy="log",
        server="s",
        schema="classicmodels",
        start_position="",
        end_position="",
        is_closed=is_closed,
    )


def day(number: int) -> date:
    return date(2026, 3, number)


def compared(table):
    return replace(table, strategy=Strategy.COMPARE)


@pytest.mark.parametrize(
    ("newest", "first"),
    [
        pytest.param({ORDERS: state(day(9))}, 10, id="the day after the newest one"),
        pytest.param({ORDERS: state(day(9), is_closed=False)}, 9, id="the newest one too when it was not over"),
        pytest.param({ORDERS: state(day(5)), PAYMENTS: state(day(9))}, 6, id="from the table that is furthest behind"),
        pytest.param({ORDERS: state(day(10))}, 10, id="nothing is missing: the day itself"),
        pytest.param({ORDERS: state(day(11), is_closed=False)}, 10, id="today was looked at: the day itself"),
        pytest.param({ORDERS: None}, 10, id="nothing was ever captured"),
        pytest.param({compared(ORDERS): state(day(7), is_closed=False)}, 8, id="the past is gone for a comparison"),
    ],
)
def test_the_days_to_catch_up_begin_where_the_lake_ends(newest, first):
    assert plan_catch_up(newest, day(10)) == CatchUp(days=days_between(day(first), day(10)))


def test_new_tables_and_tables_that_are_ahead_are_told_apart():
    ahead = compared(find_table("offices"))
    found = plan_catch_up({ORDERS: state(day(8)), PAYMENTS: None, ahead: state(day(11))}, day(10))
    assert found == CatchUp(days=days_between(day(9), day(10)), new_tables=(PAYMENTS,), done_tables=(ahead,))


def test_a_log_table_that_begins_later_is_captured_from_its_first_day_on():
    newest = {ORDERS: state(day(7)), PAYMENTS: state(day(11), is_closed=False)}
    assert plan_catch_up(newest, day(10), {PAYMENTS: day(11)}) == CatchUp(
        days=days_between(day(8), day(10)), done_tables=(PAYMENTS,)
    )
    assert plan_catch_up(newest, day(10), {ORDERS: day(1), PAYMENTS: day(9)}) == CatchUp(
        days=days_between(day(8), day(10)), first_days={PAYMENTS: day(9)}
    )
    assert plan_catch_up(newest, day(10), {PAYMENTS: day(1)}).done_tables == (), (
        "a day of the log that is over stays as it is"
    )


def test_tables_that_begin_within_the_days_get_a_run_of_their_own(memory, shop):
    captured(memory, "orders", TODAY - timedelta(days=3))
    captured(memory, "payments", TODAY - timedelta(days=1))
    own, _, rest = sorted(requests(memory.at_instant(evening(TODAY)), NIGHT), key=lambda one: len(one.asset_selection))
    assert own.asset_selection == [keys.raw_table_key(PAYMENTS)]
    assert partition_days(own.tags) == (TODAY - timedelta(days=1), TODAY)
    assert keys.raw_table_key(PAYMENTS) not in rest.asset_selection
    assert partition_days(rest.tags)[0] == TODAY - timedelta(days=3)


def ticked(stage, tick: date):
    """What the schedule says half an hour after midnight of a day."""
    definitions = build(stage, checkout_project())
    schedule = definitions.resolve_schedule_def("close_yesterday")
    moment = datetime.combine(tick, datetime.min.time(), ZoneInfo("UTC")) + timedelta(minutes=30)
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_schedule_context(
            instance=instance,
            scheduled_execution_time=moment,
            repository_def=definitions.get_repository_def(),
        )
        return schedule.evaluate_tick(context)


def requests(stage, tick: date):
    return ticked(stage, tick).run_requests


def test_a_platform_that_was_never_run_starts_with_yesterday(stage):
    (request,) = requests(stage, NIGHT)
    assert (request.partition_key, request.run_key) == (str(TODAY), str(TODAY))
    assert request.asset_selection is None


def test_missed_nights_are_one_run_over_all_their_days(memory, shop):
    first = TODAY - timedelta(days=4)
    captured(memory, "orders", first)  # a day that was not over then
    late = memory.at_instant(evening(TODAY))
    for tick in (TODAY - timedelta(days=2), TODAY - timedelta(days=1), TODAY):
        assert ticked(late, tick).skip_message == f"The night after {TODAY} includes this day as well."
    new, rest = requests(late, NIGHT)
    assert new.run_key == f"{TODAY} of new tables"
    assert len(new.asset_selection) == 7
    assert keys.raw_table_key(ORDERS) not in new.asset_selection
    assert new.tags["dagster/priority"] == "1"
    assert rest.run_key == f"{first} to {TODAY}"
    assert keys.raw_table_key(ORDERS) in rest.asset_selection
    assert not set(new.asset_selection) & set(rest.asset_selection)
    assert (rest.tags[RANGE_START_TAG], rest.tags[RANGE_END_TAG]) == (str(first), str(TODAY))
    rest_request = DailyRunRequest(days=partition_days(rest.tags), select="orders")
    assert headless.run_headless(build(late, checkout_project()), late, rest_request).succeeded
    assert [one.run_key for one in requests(late, NIGHT)] == [str(TODAY)]


def test_a_lake_that_does_not_answer_does_not_keep_the_night_s_run_from_being_red(stage):
    lost = replace(stage, store=replace(stage.store, endpoint="http://127.0.0.1:9"))
    (request,) = requests(lost, NIGHT)
    assert request.partition_key == str(TODAY)
