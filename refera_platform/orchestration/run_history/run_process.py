"""Which process executes a run, so that a run whose process is gone does not hold the source for ever.

A killed process cannot say so itself: its run stays "started" and its pool slot taken, and the next run would wait.
Whether it is gone is told by its lock (``run_lock``); where there is none, by its host name and process id.
"""

import os
import socket
from pathlib import Path

import dagster as dg
from dagster import DagsterRun, DagsterRunStatus, RunsFilter

from refera_platform.orchestration.run_history import run_lock
from refera_platform.settings.stage import Stage

PROCESS_TAG = "refera/process"
"""Tag that says which process executes a run."""
STARTED_STATUSES = [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]
ACTIVE_STATUSES = [DagsterRunStatus.NOT_STARTED, DagsterRunStatus.QUEUED, *STARTED_STATUSES]
FINISHED_STATUSES = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]
PROCESS_GONE_MESSAGE = "The process that ran it is gone; the next run takes over."


def own_process_tag() -> dict[str, str]:
    """The tag of a run that this process executes."""
    return {PROCESS_TAG: process_identity(os.getpid())}


def stage_resource(stage: Stage) -> dg.ResourceDefinition:
    """A resource that notes in the run which process executes it: one that the UI starts is known to it alone.

    Args:
        stage: What steps get. It is made before the first step, also of a run of checks, so every run is claimed.
    """

    def claim_run(context: dg.InitResourceContext) -> Stage:
        run = context.run
        if run and context.instance:
            # freed by the end of the process, which comes after the last event of the run
            run_lock.acquire_run_lock(stage.home, run.run_id)
            if run.tags.get(PROCESS_TAG) != (identity := process_identity(os.getpid())):
                context.instance.add_run_tags(run.run_id, {PROCESS_TAG: identity})
        return stage

    return dg.ResourceDefinition(resource_fn=claim_run)


def fail_orphaned_runs(instance: dg.DagsterInstance, home: Path) -> list[str]:
    """Mark runs whose process is gone as failed, free the pool slots of every run that has ended, and name the dead.

    Args:
        instance: Whose history.
        home: Where the processes of its runs hold their locks.
    """
    orphaned_run_ids = []
    for run_id in run_lock.orphaned_run_ids(home):
        run = instance.get_run_by_id(run_id)
        if run is None:  # another history has its runs in the same home
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
    """Whether a run without a lock says that a process of this host has it, and there is no such process."""
    name = run.tags.get(PROCESS_TAG, "")
    return name.startswith(f"{socket.gethostname()}/") and name != process_identity(int(name.split("/")[1]))


def _free_slots_of_finished_runs(instance: dg.DagsterInstance, home: Path) -> None:
    """Free what ended runs hold or wait for; one whose process still works (a forced end) keeps it."""
    storage = instance.event_log_storage
    ids = list(storage.get_concurrency_run_ids())
    for run in instance.get_runs(RunsFilter(run_ids=ids, statuses=FINISHED_STATUSES)) if ids else ():
        if not run_lock.is_run_locked(home, run.run_id):
            storage.free_concurrency_slots_for_run(run.run_id)


def process_identity(pid: int) -> str:
    """Host, process and the moment it started, so that a process id used again is told apart."""
    try:
        # fields 3 and 22 of proc(5): state, and start time in ticks since boot; the command before may hold spaces
        state, *_, started = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:20]
        # a killed process keeps its number until its parent, or init, has taken note
        started = "gone" if state in {"Z", "X"} else started
    except FileNotFoundError:
        started = "gone" if Path("/proc").is_dir() or not _process_exists(pid) else "unknown"
    return f"{socket.gethostname()}/{pid}/{started}"


def _process_exists(pid: int) -> bool:
    """Whether a process of that id exists, where there is no ``/proc`` (macOS)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
