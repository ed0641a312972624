"""A day that no run can have: it is reported once, retried by nothing, and keeps no other table from its day."""

from datetime import UTC, datetime, time, timedelta

import dagster as dg
import pytest

from refera_platform.alerts.fault import FaultKind
from refera_platform.cli.run import run_newest_day
from refera_platform.definitions import build
from refera_platform.orchestration import executor, headless, instance, keys
from refera_platform.orchestration.partitions import partition_days
from refera_platform.orchestration.run_history.failed_runs import find_open_failures
from refera_platform.orchestration.run_request import DailyRunRequest
from refera_platform_tests.business import TODAY
from refera_platform_tests.checkout import checkout_project, declared_tables, find_table
from refera_platform_tests.local_stack import captured
from refera_platform_tests.orchestration.test_alerts import new_history, world
from refera_platform_tests.orchestration.test_recovery import later, looked, standing
from refera_platform_tests.orchestration.test_schedules import requests

__all__ = ["later", "new_history", "world"]
YESTERDAY = TODAY - timedelta(days=1)
CUSTOMERS, ORDERS = (
    keys.raw_table_key(find_table("customers")),
    keys.raw_table_key(find_table("orders")),
)


@pytest.fixture
def noon(memory, shop, later):
    """Somebody has pressed Materialize on today's partition of customers, before anything else was captured."""
    captured(memory, "customers", TODAY)
    return memory.at_instant(datetime.combine(TODAY, time(12), UTC))


def faults(stage, run_id):
    with instance.open_instance(stage) as history:
        known = set(build(stage, checkout_project()).resolve_asset_graph().get_all_asset_keys())
        return find_open_failures(history, known, [run_id], datetime.now(UTC) + timedelta(hours=1))


def test_a_refused_day_is_told_once_and_owed_by_nobody(noon):
    outcome = headless.run_headless(
        build(noon, checkout_project()), noon, DailyRunRequest(days=(YESTERDAY,), select="customers,orders")
    )
    assert not outcome.succeeded
    assert list(outcome.assets) == [ORDERS.to_user_string()], "the others are committed"
    looked_at = faults(noon, outcome.run_id)
    (fault,) = looked_at.faults
    assert (fault.kind, fault.affected) == (FaultKind.REFUSED, (CUSTOMERS.to_user_string(),))
    assert f"Day {YESTERDAY} of classicmodels.customers is before {TODAY}" in fault.cause
    assert looked_at.pending_run_ids == (), "nobody waits for its end"
    assert looked(noon) == "No failed run has left anything undone."
    assert standing(noon)[CUSTOMERS].passed


def test_a_run_without_a_day_leaves_out_what_begins_later_and_makes_the_rest(noon, capsys):
    run_newest_day(noon, checkout_project(), "customers,orders")
    said = " ".join(capsys.readouterr().err.split())
    assert f"Left out, because day {YESTERDAY} is no longer available for them:" in said
    assert f"classicmodels.customers (captured from {TODAY} to {TODAY})" in said
    with instance.open_instance(noon) as history:
        made = history.get_materialized_partitions(ORDERS)
    assert made == {str(YESTERDAY)}
    run_newest_day(noon, checkout_project(), "customers")
    assert f"Day {YESTERDAY}: 0 assets" in capsys.readouterr().err


def test_the_night_leaves_out_what_begins_later(noon):
    (request,) = requests(noon, TODAY)
    assert request.partition_key == str(YESTERDAY)
    assert CUSTOMERS not in request.asset_selection
    assert ORDERS in request.asset_selection


@pytest.mark.parametrize("day", ["2199-01-01", "1999-01-01"])
def test_a_partition_that_the_calendar_has_not_is_refused_in_one_sentence(noon, day):
    job = build(noon, checkout_project()).resolve_job_def("daily")
    with instance.open_instance(noon) as history:
        done = job.execute_in_process(
            instance=history,
            tags={"dagster/partition": day},
            raise_on_error=False,
            asset_selection=[ORDERS],
            run_config=executor.QUIET_RUN_CONFIG,
        )
    (fault,) = faults(noon, done.run_id).faults
    assert fault.kind is FaultKind.REFUSED
    assert fault.cause.startswith(f"Day {day} ")
    assert looked(noon) == "No failed run has left anything undone."


@pytest.mark.parametrize("tag", ["soon", "2026-02-30", ""])
def test_a_tag_that_is_no_day_stops_no_sensor(tag):
    assert partition_days({"dagster/partition": tag}) == ()
    assert (
        partition_days(
            {"dagster/asset_partition_range_start": "0001-01-01", "dagster/asset_partition_range_end": "9999-12-31"}
        )
        == ()
    )


def test_what_a_refused_run_left_besides_is_made_again(noon):
    # a model below the refused table was never begun, and needs no day
    request = DailyRunRequest(days=(YESTERDAY,), select="customers,stg_classicmodels__customers")
    outcome = headless.run_headless(build(noon, checkout_project()), noon, request)
    assert not outcome.succeeded
    request = looked(noon)
    assert isinstance(request, dg.RunRequest)
    assert [key.path[-1] for key in request.asset_selection] == ["stg_classicmodels__customers"]


def test_a_refusal_by_rule_is_told_once_and_swallows_no_recovery(world):
    """Issue 16, 21: the first capture of customers was today's, and a run asked for yesterday."""
    name = declared_tables()[0].name
    world.refused, world.by_rule = {name: "Day 2026-03-09 of {} is before 2026-03-10."}, True
    world.run("2026-03-09")
    for _ in range(2):
        world.look()
    (text,) = world.hook.texts
    assert text.startswith(
        f"*Refused day, reported once* · test\nDay 2026-03-09 of {declared_tables()[0].address} is before 2026-03-10."
    )
    assert world.skipped == "Nothing is wrong."
    world.refused, world.agrees = {}, False
    world.run("2026-03-10")
    world.look()
    world.agrees = True
    world.run("2026-03-10")
    world.look()
    assert [text.partition(" · ")[0] for text in world.hook.texts[1:]] == [
        "*Failed check*",
        "*Recovered after less than a minute*",
    ]
    assert f"raw/classicmodels/{name}" in world.hook.texts[2]
    world.look_in(timedelta(days=1))
    assert len(world.hook.texts) == 3, "nobody is told that what never comes is over"
