"""Which process executes a run, so that a run whose process is gone does not hold the source for ever.

A killed process cannot say so itself: its run stays "started" and its pool slot taken, and the next run would wait.
"""

import os
import socket
from pathlib import Path

import dagster as dg
from dagster import DagsterRunStatus, RunsFilter

PROCESS = "refera/process"
"""Tag that says which process executes a run."""
GOING = [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]
NOT_ENDED = [DagsterRunStatus.NOT_STARTED, DagsterRunStatus.QUEUED, *GOING]


def own_tag() -> dict[str, str]:
    """The tag of a run that this process executes."""
    return {PROCESS: process_name(os.getpid())}


def claiming(value: object) -> dg.ResourceDefinition:
    """A resource that notes in the run which process executes it: one that the UI starts is known to it alone.

    Args:
        value: What steps get. It is made before the first step, also of a run of checks, so every run is claimed.
    """

    def claimed(context: dg.InitResourceContext) -> object:
        run = context.run
        if run and context.instance and run.tags.get(PROCESS) != (name := process_name(os.getpid())):
            context.instance.add_run_tags(run.run_id, {PROCESS: name})
        return value

    return dg.ResourceDefinition(resource_fn=claimed)


def holders(instance: dg.DagsterInstance) -> list[str]:
    """Runs that hold a slot of a pool now."""
    storage = instance.event_log_storage
    held = {
        slot.run_id
        for pool in storage.get_concurrency_keys()
        for slot in storage.get_concurrency_info(pool).claimed_slots
    }
    return sorted(held)


def bury_the_dead(instance: dg.DagsterInstance) -> list[str]:
    """Mark runs of this machine whose process is gone as failed, free their pool slots, and name them."""
    buried = []
    for one in instance.get_runs(RunsFilter(statuses=GOING)):
        name = one.tags.get(PROCESS)
        if (
            name
            and name.startswith(f"{socket.gethostname()}/")
            and name != process_name(int(name.split("/")[1]))
        ):
            instance.report_run_failed(one, "The process that ran it is gone; the next run takes over.")
            instance.event_log_storage.free_concurrency_slots_for_run(one.run_id)
            buried.append(one.run_id)
    return buried


def process_name(pid: int) -> str:
    """Host, process and the moment it started, so that a process id used again is told apart."""
    try:
        # fields 3 and 22 of proc(5): state, and start time in ticks since boot; the command before may hold spaces
        state, *_, started = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:20]
        # a killed process keeps its number until its parent, or init, has taken note
        started = "gone" if state in {"Z", "X"} else started
    except FileNotFoundError:
        started = "gone" if Path("/proc").is_dir() or not _answers(pid) else "unknown"
    return f"{socket.gethostname()}/{pid}/{started}"


def _answers(pid: int) -> bool:
    """Whether a process of that id exists, where there is no ``/proc`` (macOS)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
