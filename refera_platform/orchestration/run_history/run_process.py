"""Process of a run: records which process executes it, and fails orphaned runs, whose process is gone.

A killed process cannot report its end. Its run would stay "started" and keep its pool slot, and the next run would
wait. ``run_lock`` shows whether the process lives; for a run without a lock file, host name and process id do.
"""

import os
import socket
from pathlib import Path

import dagster as dg
from dagster import DagsterRun, DagsterRunStatus, RunsFilter

from refera_platform.orchestration.run_history import run_lock
from refera_platform.settings.stage import Stage

PROCESS_TAG = "refera/process"
"""Tag that names the process which executes a run."""
STARTED_STATUSES = [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]
ACTIVE_STATUSES = [DagsterRunStatus.NOT_STARTED, DagsterRunStatus.QUEUED, *STARTED_STATUSES]
FINISHED_STATUSES = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]
PROCESS_GONE_MESSAGE = "The process that ran it no longer exists; the next run takes over."


def own_process_tag() -> dict[str, str]:
    """Tag of a run that this process executes."""
    return {PROCESS_TAG: process_identity(os.getpid())}


def stage_resource(stage: Stage) -> dg.ResourceDefinition:
    """Resource of the stage that also records the executing process: for a run of the UI only that process knows it.

    Args:
        stage: The value that steps receive. Dagster makes it before the first step, also for a run of checks only, so
            that every run is recorded.
    """

    def claim_run(context: dg.InitResourceContext) -> Stage:
        run = context.run
        if run and context.instance:
            # released when the process ends, which is after the last event of the run
            run_lock.acquire_run_lock(stage.home, run.run_id)
            if run.tags.get(PROCESS_TAG) != (identity := process_identity(os.getpid())):
                context.instance.add_run_tags(run.run_id, {PROCESS_TAG: identity})
        return stage

    return dg.ResourceDefinition(resource_fn=claim_run)


def fail_orphaned_runs(instance: dg.DagsterInstance, home: Path) -> list[str]:
    """Mark orphaned runs as failed, and free the pool slots of every ended run; returns the ids of the failed ones.

    Args:
        instance: Dagster's instance.
        home: Folder in which the processes of runs hold their locks.
    """
    orphaned_run_ids = []
    for run_id in run_lock.orphaned_run_ids(home):
        run = instance.get_run_by_id(run_id)
        if run is None:  # a run of another Dagster instance with the same home
            continue
        if not run.is_finished:
            instance.report_run_failed(run, PROCESS_GONE_MESSAGE)
            orphaned_run_ids.append(run_id)
        run_lock.remove_run_lock(home, run_id)
    for run in instance.get_runs(RunsFilter(statuses=STARTED_STATUSES)):
        if not run_lock.has_run_lock(home, run.run_id) and _is_local_process_gone(run):
            instance.report_run_failed(run, PROCESS_GONE_MESSAGE)
            orphaned_run_ids.append(run.run_id)
    _free_slots_of_finished_runs(instance, home)
    return orphaned_run_ids


def _is_local_process_gone(run: DagsterRun) -> bool:
    """Whether a run without a lock file names a process of this host that no longer exists."""
    name = run.tags.get(PROCESS_TAG, "")
    return name.startswith(f"{socket.gethostname()}/") and name != process_identity(int(name.split("/")[1]))


def _free_slots_of_finished_runs(instance: dg.DagsterInstance, home: Path) -> None:
    """Free slots that ended runs hold or wait for; not those of a run whose process still works (forced end)."""
    storage = instance.event_log_storage
    ids = list(storage.get_concurrency_run_ids())
    for run in instance.get_runs(RunsFilter(run_ids=ids, statuses=FINISHED_STATUSES)) if ids else ():
        if not run_lock.is_run_locked(home, run.run_id):
            storage.free_concurrency_slots_for_run(run.run_id)


def process_identity(pid: int) -> str:
    """Host name, process id and start time: a process id that is used again gives another identity."""
    try:
        # fields 3 and 22 of proc(5): state, and start time in ticks since boot; field 2, the command, may hold spaces
        state, *_, started = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:20]
        # a killed process (zombie) keeps its id until its parent or init reaps it
        started = "gone" if state in {"Z", "X"} else started
    except FileNotFoundError:
        started = "gone" if Path("/proc").is_dir() or not _process_exists(pid) else "unknown"
    return f"{socket.gethostname()}/{pid}/{started}"


def _process_exists(pid: int) -> bool:
    """Whether a process with that id exists, on systems without ``/proc`` (macOS)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
