"""Dagster instance on one machine: its home folder and settings, shared by the UI and headless runs."""

import fcntl
import json
import re
from pathlib import Path

import dagster as dg
import yaml

from refera_platform.disk import write_atomically
from refera_platform.duckdb_session.scratch import make_private_folder
from refera_platform.errors import SettingError
from refera_platform.orchestration.dagster_internals import InstanceRef, NoOpComputeLogManager
from refera_platform.settings.stage import Stage

DAGSTER_YAML = """\
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
BASE_DIR_PATTERN = re.compile(r'base_dir: (".*/dagster/history/runs")')
NO_COMPUTE_LOGS = {"module": NoOpComputeLogManager.__module__, "class": NoOpComputeLogManager.__name__}
"""Output of a step goes to the output of its process. Dagster's own capture starts four processes a step, and they
print tracebacks of their own to the terminal on Ctrl-C."""


def dagster_home(home: Path) -> Path:
    """``DAGSTER_HOME`` below a home folder; created with its settings when missing."""
    path = home / "dagster"
    make_private_folder(path)
    settings = path / "dagster.yaml"
    events = json.dumps(str(path / "history" / "runs"))  # Dagster's default path
    default_settings = DAGSTER_YAML.replace("{base_dir}", events)
    text = settings.read_text("utf-8", errors="replace") if settings.exists() else ""
    # missing or truncated: by a full disk, or by a power cut, which may leave zero bytes
    if default_settings.startswith(text.rstrip("\0 \n")) and text != default_settings:
        write_atomically(settings, default_settings)
    elif (match := BASE_DIR_PATTERN.search(text)) and match[1] != events:
        write_atomically(settings, text.replace(match[1], events))  # the home was moved or copied
    return path


def open_instance(stage: Stage) -> dg.DagsterInstance:
    """Open the Dagster instance of a stage; the UI shows the same run history.

    Two processes that open a new instance at the same time would both create its tables, and one would fail.

    Raises:
        SettingError: when Dagster cannot read its settings.
    """
    folder = dagster_home(stage.home)
    path = folder / "dagster.yaml"
    try:
        settings = yaml.safe_load(path.read_text("utf-8")) or {}
        with (folder / ".opening").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            overrides = {} if "compute_logs" in settings else {"compute_logs": NO_COMPUTE_LOGS}
            return dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(folder), overrides=overrides))
    except (yaml.YAMLError, UnicodeDecodeError, dg.DagsterInvalidConfigError) as error:
        reason = " ".join(str(error).split())
        raise SettingError(
            f"{path} does not hold settings of Dagster ({reason}):", "correct it, or remove it and it is written again."
        ) from error
