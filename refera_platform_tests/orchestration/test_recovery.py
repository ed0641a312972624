"""After a failure: what is left undone is run again by itself once its cause is gone, and never before."""

import os
import signal
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dagster as dg
import psutil
import pytest

from refera_platform.answers.verify import verify_stage
from refera_platform.definitions import build
from refera_platform.orchestration import headless, instance, keys
from refera_platform.orchestration.assets import raw_tables
from refera_platform.orchestration.run_history import retry_candidates, retry_sensor, run_process
from refera_platform.orchestration.run_history.failed_days import NO_FAILED_DAY_CHECK
from refera_platform.orchestration.run_request import DailyRunRequest
from refera_platform.settings.stage import load_stage
from refera_platform_tests.business import TODAY
from refera_platform_tests.checkout import checkout_project, find_table
from refera_platform_tests.local_stack import captured, evening
from refera_platform_tests.ui import business, served

PAYMENTS = keys.raw_table_key(find_table("payments"))
ORDERS = keys.raw_table_key(find_table("orders"))
NEVER = "the table was never captured: refera run"


@pytest.fixture
def later(monkeypatch):
    """Every wait is over."""
    monkeypatch.setattr(retry_sensor, "MIN_BACKOFF", timedelta(0))
    monkeypatch.setattr(raw_tables, "RETRIES", dg.RetryPolicy(max_retries=0))


def looked(stage):
    """What the sensor says now: a run request, or why there is none."""
    definitions = build(stage, checkout_project())
    with instance.open_instance(stage) as history:
        context = dg.build_sensor_context(instance=history, repository_def=definitions.get_repository_def())
        found = definitions.resolve_sensor_def("run_again_what_failed").evaluate_tick(context)
    return found.run_requests[0] if found.run_requests else found.skip_message


def run(stage, select="orders", days=(TODAY,), tags=None):
    return headless.run_headless(
        build(stage, checkout_project()), stage, DailyRunRequest(days=days, select=select, tags=tags or {})
    )


@pytest.fixture
def now(memory, shop):
    return memory.at_instant(evening(TODAY))


def unreachable(stage):
    gone = replace(stage.databases["classicmodels"], port=9)
    return replace(stage, databases={"classicmodels": gone})


def test_nothing_happens_while_nothing_failed(now):
    assert run(now).succeeded
    assert looked(now) == "No failed run has left anything undone."


def test_a_failed_day_is_run_again_when_its_source_answers_and_not_before(now, later):
    broken = unreachable(now)
    assert not run(broken, "orders,fct_orders").succeeded
    assert looked(broken).startswith("The cause still exists: classicmodels: ")
    request = looked(now)
    assert request.partition_key == str(TODAY)
    assert ORDERS in request.asset_selection
    assert len(request.asset_selection) == 2
    tags = {name: request.tags[name] for name in (retry_candidates.ROOT_TAG, retry_candidates.ATTEMPT_TAG)}
    assert tags[retry_candidates.ATTEMPT_TAG] == "1"
    assert run(now, "orders", tags=tags).succeeded
    left = looked(now)
    assert [key.path[-1] for key in left.asset_selection] == ["fct_orders"]
    assert left.partition_key is None, "a model knows no days"
    assert left.run_key == f"{tags[retry_candidates.ROOT_TAG]} 1"


def test_waits_grow_and_come_to_an_end(now):
    ended = datetime(2026, 3, 10, 12, tzinfo=UTC)
    failed = retry_candidates.RetryCandidate(
        run_id="a",
        root_run_id="a",
        attempts=0,
        days=(TODAY,),
        missing_assets=frozenset({ORDERS}),
        cause="it rained",
        is_retryable=True,
        is_process_lost=False,
        ended_at=ended,
        tags={},
    )
    assert (
        retry_sensor._reason_to_wait(failed, ended + timedelta(seconds=29)) == "Run a is tried again at 12:00:30 UTC."
    )
    assert retry_sensor._reason_to_wait(failed, ended + timedelta(seconds=30)) == ""
    third = replace(failed, attempts=3)
    assert "12:04:00" in retry_sensor._reason_to_wait(third, ended)
    assert retry_sensor._reason_to_wait(replace(failed, is_process_lost=True), ended) == "", "it was not its fault"
    late = replace(failed, attempts=11)
    assert "16:00:00" in retry_sensor._reason_to_wait(late, ended)
    last = replace(failed, attempts=retry_sensor.MAX_ATTEMPTS)
    assert retry_sensor._reason_to_wait(last, ended + timedelta(days=1)) == "Run a was the last of 12 tries: it rained"


def test_a_day_that_another_request_would_bring_is_left_to_people(now, later):
    captured(now, "orders", TODAY - timedelta(days=4))
    assert not run(now).succeeded, "the days between are missing"
    assert "another try does not fix" in looked(now)


def test_a_day_that_no_request_brings_is_owed_by_nobody(now, later):
    assert not run(now, days=(TODAY - timedelta(days=4),)).succeeded
    assert looked(now) == "No failed run has left anything undone."


def test_what_a_later_run_made_is_owed_by_nobody(now, later):
    assert not run(unreachable(now)).succeeded
    assert run(now).succeeded
    assert looked(now) == "No failed run has left anything undone."


def standing(stage):
    """The hourly look: whether each table has no failed day, and what is said of it."""
    with instance.open_instance(stage) as history:
        job = build(stage, checkout_project()).resolve_job_def("look_for_overdue_days")
        done = job.execute_in_process(instance=history, raise_on_error=False)
    return {one.asset_key: one for one in done.get_asset_check_evaluations() if one.check_name == NO_FAILED_DAY_CHECK}


def test_a_failed_day_stays_red_until_it_is_captured(now, later):
    assert not run(unreachable(now)).succeeded
    found = standing(now)[ORDERS]
    assert not found.passed
    assert found.description.startswith(f"classicmodels.orders: day {TODAY} failed and was not captured since (run ")
    assert "127.0.0.1:9" in found.description
    assert found.metadata["failed_days"].value == str(TODAY)
    assert standing(now)[PAYMENTS].passed, "nobody asked for it"
    assert run(now).succeeded
    assert standing(now)[ORDERS].passed


def test_a_run_that_is_going_on_is_waited_for(now, later):
    assert not run(unreachable(now)).succeeded
    with instance.open_instance(now) as history:
        job = build(now, checkout_project()).resolve_job_def("daily")
        going = history.create_run_for_job(job, tags=run_process.own_process_tag(), status=dg.DagsterRunStatus.STARTED)
    assert looked(now) == f"Run {going.run_id} is in progress."


def test_a_run_whose_process_was_killed_is_failed_and_run_again(now, later):
    with instance.open_instance(now) as history:
        job = build(now, checkout_project()).resolve_job_def("daily")
        dead = f"{run_process.process_identity(os.getpid()).rpartition('/')[0]}/1"
        history.create_run_for_job(
            job,
            tags={run_process.PROCESS_TAG: dead, "dagster/partition": str(TODAY), "refera/resnapshot": "yes"},
            status=dg.DagsterRunStatus.STARTED,
            asset_selection=frozenset({ORDERS}),
        )
    request = looked(now)
    assert request.asset_selection == [ORDERS]
    assert request.partition_key == str(TODAY)
    assert request.tags["refera/resnapshot"] == "yes", "as it was asked for"
    assert run_process.PROCESS_TAG not in request.tags


def children(pid: int) -> dict[int, str]:
    """All processes below one, and their command lines."""
    found = {}
    for one in psutil.Process(pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # it ended meanwhile
            found[one.pid] = " ".join(one.cmdline())
    return found


def kill(ui, parent, part):
    """SIGKILL a part of Dagster, and wait until another one is in its place."""
    found = {pid for pid, args in children(parent.pid).items() if part in args}
    assert found
    for pid in found:
        os.kill(pid, signal.SIGKILL)
    ui.wait(
        lambda: ui.loaded() and {pid for pid, args in children(parent.pid).items() if part in args} - found,
        f"another {part}",
    )


def test_killed_workers_code_servers_and_daemons_need_no_hand(tmp_path):
    day = str(datetime.now(UTC).date() - timedelta(days=1))
    names = ["raw/classicmodels/orders", "raw/classicmodels/orderdetails"]
    with business(tmp_path / "home", days=2) as home, served(home) as (ui, dagster):
        run = ui.launch(names, {"dagster/partition": day})
        worker = ui.wait(
            lambda: {one["runId"]: one["tags"] for one in ui.runs()}[run].get(run_process.PROCESS_TAG),
            "the worker",
        )
        os.kill(int(worker.split("/")[1]), signal.SIGKILL)
        ui.wait(lambda: ui.status(run) in {"FAILURE", "SUCCESS"}, "the end of the killed run")
        kill(ui, dagster, "api grpc")
        kill(ui, dagster, "dagster._daemon")
        assert ui.finished(ui.launch(names, {"dagster/partition": day})) == "SUCCESS"
        ui.wait(lambda: {one["status"] for one in ui.runs()} <= {"SUCCESS", "FAILURE"}, "rest")
        found = {one.left: one for one in verify_stage(load_stage({"REFERA_HOME": str(home)}), checkout_project())}
        assert [
            one.first_difference
            for one in found.values()
            if one.left.startswith("source") and names[0][-6:] in one.left and not one.is_equal
        ] == []
