"""A run that waits for a pool, a run that is stopped, and a run whose process is gone; no server is needed for it."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import dagster as dg
import psutil
import pytest

from refera_platform.errors import SettingError
from refera_platform.orchestration import executor, instance
from refera_platform.orchestration.run_history import run_lock, run_process
from refera_platform.orchestration.run_history.failed_runs import failed_runs_since
from refera_platform.orchestration.run_history.failed_steps import TERMINATED_MESSAGE
from refera_platform.orchestration.run_history.retry_candidates import retry_candidates
from refera_platform.settings.stage import load_stage

KEY, POOL = dg.AssetKey(["raw", "shop", "orders"]), "source_shop"
PRODUCTION = {
    "REFERA_STAGE": "production",
    "REFERA_CLASSICMODELS_URL": "mysql://u:p@127.0.0.1:1/shop",
    "REFERA_LAKE": "s3://corp/raw",
    "REFERA_WAREHOUSE": "s3://corp/warehouse",
}
RUN = """
import logging, sys, time
from datetime import date
import dagster as dg
from refera_platform.orchestration import headless, progress
from refera_platform.orchestration.partitions import daily_partitions
from refera_platform.orchestration.run_request import DailyRunRequest
from refera_platform.orchestration.stop_signal import NEVER_STOPPED, catch_stop_signals
from refera_platform.settings.stage import load_stage

stage = load_stage()

@dg.asset(name="orders", key_prefix=["raw", "shop"], pool="source_shop", partitions_def=daily_partitions(stage),
          retry_policy=dg.RetryPolicy(max_retries=2, delay=0))
def orders():
    print("step began", flush=True)
    try:
        while sys.argv[1] == "forever" or sys.argv[1] == "swallowing":
            time.sleep(0.05)
    except BaseException:
        if sys.argv[1] == "swallowing":
            raise ValueError("Query interrupted") from None
        raise

jobs = [dg.define_asset_job("daily", selection=[orders])]
class Printer(logging.Handler):
    def emit(self, record):
        print(record.progress.kind.name, record.getMessage(), flush=True)

progress.LOGGER.addHandler(Printer())
progress.LOGGER.setLevel(logging.INFO)
with catch_stop_signals() as stop_signal:
    told = stop_signal if sys.argv[2:] != ["as a worker"] else NEVER_STOPPED
    request = DailyRunRequest(days=(stage.clock.today(),))
    outcome = headless.run_headless(dg.Definitions(assets=[orders], jobs=jobs), stage, request, told)
    print("outcome", outcome.succeeded, stop_signal.number, flush=True)
"""
HOLD = """
import sys
from pathlib import Path
from refera_platform.orchestration.run_history import run_lock
run_lock.acquire_run_lock(Path(sys.argv[1]), sys.argv[2])
print("held", flush=True)
sys.stdin.read()
"""


@dg.op
def nothing():
    return None


@dg.job(name="daily")
def daily_job():
    nothing()


@pytest.fixture
def stage(tmp_path):
    return load_stage({**PRODUCTION, "REFERA_HOME": str(tmp_path)})


@pytest.fixture
def history(stage):
    with instance.open_instance(stage) as opened:
        yield opened


def going(history, tag):
    """A run that is under way and has the pool, says its tag."""
    one = history.create_run_for_job(daily_job, tags={run_process.PROCESS_TAG: tag}, status=dg.DagsterRunStatus.STARTED)
    history.event_log_storage.initialize_concurrency_limit_to_default(POOL)
    assert history.event_log_storage.claim_concurrency_slot(POOL, one.run_id, "orders").is_claimed
    return one.run_id


@contextmanager
def started(stage, code, *words):
    """Another process, which is killed when it still lives at the end."""
    variables = {**os.environ, **PRODUCTION, "REFERA_HOME": str(stage.home)}
    with subprocess.Popen(
        [sys.executable, "-c", code, *words],
        env=variables,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        try:
            yield child
        finally:
            child.kill()


def heard(child, beginning):
    """The next line that begins so; lines before it are of no interest."""
    lines = []
    for line in child.stdout:
        lines.append(line)
        if line.startswith(beginning):
            return line.rstrip()
    pytest.fail(f"{beginning!r} never came: {''.join(lines)}")


def status_of_newest(history):
    return history.get_runs(limit=1)[0].status


def holders(history):
    return {slot.run_id for slot in history.event_log_storage.get_concurrency_info(POOL).claimed_slots}


def test_a_wait_for_a_pool_is_told_and_cheap_and_ends_at_once_when_the_run_is_stopped(stage, history):
    holder = going(history, "machine/4711/1")
    run_lock.acquire_run_lock(stage.home, holder)  # by the process of this test, which lives
    with started(stage, RUN, "at once") as child:
        line = heard(child, "WAITING ")
        assert f"Waiting for run {holder} (process machine/4711/1), since " in line
        assert f"UTC: pool {POOL}" in line
        before = psutil.Process(child.pid).cpu_times()
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(timeout=3)  # the time over which it is measured
        after = psutil.Process(child.pid).cpu_times()
        assert after.user + after.system - before.user - before.system < 0.6, "a busy loop took 2.4 s of 3"
        child.send_signal(signal.SIGTERM)
        assert heard(child, "outcome") == "outcome False 15"
    assert status_of_newest(history) is dg.DagsterRunStatus.CANCELED
    assert holders(history) == {holder}
    (pending,) = history.event_log_storage.get_concurrency_info(POOL).pending_steps
    assert pending.run_id == holder, "who has gone does not stand in the line any more"
    run_lock.release_run_lock(stage.home, holder)


def test_who_waits_goes_on_when_the_holder_is_killed_whatever_its_machine_was_called(stage, history):
    holder = going(history, "another-name/1/1")
    with started(stage, HOLD, str(stage.home), holder) as other, started(stage, RUN, "at once") as child:
        heard(other, "held")
        heard(child, "WAITING ")
        other.kill()
        heard(child, "step began")
        assert heard(child, "outcome") == "outcome True 0"
    assert history.get_run_by_id(holder).status is dg.DagsterRunStatus.FAILURE
    assert holders(history) == set()
    assert not list((stage.home / run_lock.LOCK_FOLDER).iterdir())


@pytest.mark.parametrize("how", ["forever", "swallowing"])
def test_a_run_that_is_told_to_end_is_canceled_and_not_begun_again_and_nobody_is_alerted(stage, history, how):
    with started(stage, RUN, how) as child:
        heard(child, "step began")
        child.send_signal(signal.SIGTERM)
        assert heard(child, "outcome") == "outcome False 15"
        assert "step began" not in child.stdout.read()
    assert status_of_newest(history) is dg.DagsterRunStatus.CANCELED
    (said,) = history.get_records_for_run(
        history.get_runs(limit=1)[0].run_id, of_type=dg.DagsterEventType.PIPELINE_CANCELING
    ).records
    assert said.event_log_entry.message.endswith(executor.STOPPED_MESSAGE)
    assert holders(history) == set()
    now = datetime.now(UTC)
    assert failed_runs_since(history, now - timedelta(hours=1), now)[0] == []
    assert list(retry_candidates(history, {KEY})) == []


def test_a_worker_that_its_machine_ended_is_run_again_and_names_no_class(stage, history):
    with started(stage, RUN, "forever", "as a worker") as child:
        heard(child, "step began")
        child.send_signal(signal.SIGTERM)
        heard(child, "outcome False")
    (lost,) = retry_candidates(history, {KEY})
    assert lost.is_process_lost, "at once, and not after a wait"
    assert lost.cause == TERMINATED_MESSAGE


def test_a_run_without_a_lock_is_gone_when_its_process_of_this_host_is(stage, history):
    name = run_process.process_identity(os.getpid())
    dead = going(history, f"{name.rpartition('/')[0]}/1")
    alive = history.create_run_for_job(
        daily_job, tags={run_process.PROCESS_TAG: name}, status=dg.DagsterRunStatus.STARTED
    )
    assert run_process.fail_orphaned_runs(history, stage.home) == [dead]
    assert holders(history) == set()
    assert history.get_run_by_id(alive.run_id).status is dg.DagsterRunStatus.STARTED


def test_a_held_lock_proves_that_a_run_lives_whose_process_id_nobody_knows_here(stage, history):
    """Containers that share a home and a host name see none of each other's processes."""
    dead = f"{run_process.process_identity(os.getpid()).rpartition('/')[0]}/1"
    one = going(history, dead)
    with started(stage, HOLD, str(stage.home), one) as other:
        heard(other, "held")
        assert run_process.fail_orphaned_runs(history, stage.home) == []
        other.kill()
        other.wait()
        assert run_process.fail_orphaned_runs(history, stage.home) == [one]


def test_a_run_killed_before_it_started_is_no_reason_to_wait(stage, history):
    one = history.create_run_for_job(daily_job, tags={}, status=dg.DagsterRunStatus.NOT_STARTED)
    with started(stage, HOLD, str(stage.home), one.run_id) as other:
        heard(other, "held")
        other.kill()
    assert run_process.fail_orphaned_runs(history, stage.home) == [one.run_id]


def test_the_slots_of_ended_runs_are_free_at_once_unless_their_process_still_works(stage, history):
    ended = going(history, "machine/1/1")
    run_lock.acquire_run_lock(stage.home, ended)
    history.report_run_canceled(history.get_run_by_id(ended))
    assert run_process.fail_orphaned_runs(history, stage.home) == []
    assert holders(history) == {ended}, "it was ended by force, and its step goes on"
    run_lock.release_run_lock(stage.home, ended)
    assert run_process.fail_orphaned_runs(history, stage.home) == []
    assert holders(history) == set()
    assert history.event_log_storage.get_concurrency_run_ids() == set()


def test_a_lock_of_another_history_in_the_same_home_is_left_alone(stage, history):
    with started(stage, HOLD, str(stage.home), "unknown-here") as other:
        heard(other, "held")
        other.kill()
    assert run_process.fail_orphaned_runs(history, stage.home) == []
    assert run_lock.has_run_lock(stage.home, "unknown-here")


@pytest.mark.parametrize(
    ("left", "then"),
    [(0, ""), (0, "\n"), (0, "\0" * 700), (100, ""), (100, "\0" * 600), (4096, "")],
    ids=["empty", "blank", "zeros", "cut short", "cut short with zeros", "whole"],
)
def test_settings_that_a_full_disk_cut_short_are_written_again(stage, left, then):
    path = instance.dagster_home(stage.home) / "dagster.yaml"
    whole = path.read_text()
    path.write_text(whole[:left] + then)
    with instance.open_instance(stage) as opened:
        assert path.read_text() == whole
        assert not opened.telemetry_enabled
        assert opened.get_concurrency_config().pool_config.default_pool_limit == 1
    path.write_text("telemetry: {enabled: true}\n")
    with instance.open_instance(stage) as opened:
        assert opened.telemetry_enabled, "what somebody else wrote is theirs"


@pytest.mark.parametrize("text", [b"a: [\n", b"\xff\xfe", b"telemetry:\n"], ids=["no YAML", "no UTF-8", "no settings"])
def test_settings_that_nobody_can_read_are_named_with_what_to_do(stage, text):
    path = instance.dagster_home(stage.home) / "dagster.yaml"
    path.write_bytes(text)
    with pytest.raises(SettingError, match=rf"^{path} does not hold settings of Dagster .*remove it") as met:
        instance.open_instance(stage)
    assert "\n" not in str(met.value)
    assert path.read_bytes() == text, "what somebody else wrote is theirs"
