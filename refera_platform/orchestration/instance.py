"""Dagster's own memory on one machine: its folder and settings, for the UI and for headless runs alike."""

import fcntl
import json
import re
from pathlib import Path

import dagster as dg
import yaml
from dagster._core.instance.ref import InstanceRef

from refera_platform.disk import write_whole
from refera_platform.engine import private_folder
from refera_platform.errors import SettingError
from refera_platform.stage import Stage

SETTINGS = """\
# Written by refera_platform when it is missing; yours to change.
telemetry:
  enabled: false
nux:
  enabled: false
event_log_storage:
  # Dagster's own files, on connections that stay open
  module: refera_platform.orchestration.event_log
  class: EventLog
  config:
    base_dir: {base_dir}
run_queue:
  dequeue_interval_seconds: 1
concurrency:
  pools:
    # one reader of a source database and one builder of the warehouse at a time
    default_limit: 1
    granularity: op
  runs:
    max_concurrent_runs: 2
run_monitoring:
  enabled: true
  start_timeout_seconds: 180
  poll_interval_seconds: 30
  free_slots_after_run_end_seconds: 30
run_retries:
  enabled: true
  max_retries: 0
"""
BASE_DIR = re.compile(r'base_dir: (".*/dagster/history/runs")')


UNCAUGHT = {
    "module": "dagster._core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager",
}  # fmt: skip
"""What a step of a headless run writes goes where that of any program goes. To catch it, Dagster starts four processes
a step, which write tracebacks of their own over the terminal when somebody presses Ctrl-C."""


def folder(home: Path) -> Path:
    """``DAGSTER_HOME`` of a home, with its settings; made when missing."""
    place = home / "dagster"
    private_folder(place)
    settings = place / "dagster.yaml"
    events = json.dumps(str(place / "history" / "runs"))  # where Dagster keeps them by itself
    ours = SETTINGS.replace("{base_dir}", events)
    text = settings.read_text("utf-8", errors="replace") if settings.exists() else ""
    # missing, or cut short by a full disk, or by a power cut, which may leave zeros
    if ours.startswith(text.rstrip("\0 \n")) and text != ours:
        write_whole(settings, ours)
    elif (was := BASE_DIR.search(text)) and was[1] != events:
        write_whole(settings, text.replace(was[1], events))  # the home was moved, or is a copy of another one
    return place


def opened(stage: Stage) -> dg.DagsterInstance:
    """The instance of a stage: its history is what the UI shows.

    Two processes that open a new one at the same moment would both make its tables, and one would fail.

    Raises:
        SettingError: when its settings are not what Dagster reads.
    """
    place = folder(stage.home)
    path = place / "dagster.yaml"
    try:
        settings = yaml.safe_load(path.read_text("utf-8")) or {}
        with (place / ".opening").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            overrides = {} if "compute_logs" in settings else {"compute_logs": UNCAUGHT}
            return dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(place), overrides=overrides))
    except (yaml.YAMLError, UnicodeDecodeError, dg.DagsterInvalidConfigError) as refused:
        words = " ".join(str(refused).split())
        raise SettingError(
            f"{path} does not hold settings of Dagster ({words}):",
            "mend it, or remove it and it is written again.",
        ) from refused
