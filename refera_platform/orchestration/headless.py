"""Headless run of the daily job: the same assets, checks and run history as in the UI, in this process.

stage + DailyRunRequest ──▶ run_headless() ──▶ RunResult (progress events are logged while the run goes on)

``cli.run`` calls it; ``progress`` has the events, and ``selection`` the assets of a run.
"""

import logging
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

import dagster as dg
from dagster import EventLogEntry

from refera_platform.disk import translate_disk_errors
from refera_platform.lake.days import require_in_calendar
from refera_platform.orchestration import instance as memory
from refera_platform.orchestration.executor import RunSpec, build_executor, execute_run
from refera_platform.orchestration.log_entry import to_progress_event
from refera_platform.orchestration.partitions import partition_tags
from refera_platform.orchestration.progress import ProgressEvent, ProgressKind, log_progress
from refera_platform.orchestration.run_history import run_lock
from refera_platform.orchestration.run_history.retry_candidates import DAILY_JOB
from refera_platform.orchestration.run_history.run_process import fail_orphaned_runs, own_process_tag
from refera_platform.orchestration.run_request import DailyRunRequest
from refera_platform.orchestration.selection import selected_assets
from refera_platform.orchestration.stop_signal import NEVER_STOPPED, StopSignal
from refera_platform.settings.stage import Stage


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """Result of a headless run."""

    run_id: str
    succeeded: bool
    seconds: float
    assets: Mapping[str, Mapping[str, object]]
    """Metadata of each materialized asset, by its key with slashes."""
    checks: Mapping[str, bool]
    """Whether each check passed, by asset key and check name; without those that warned."""
    warnings: tuple[str, ...]
    """Failed checks of severity WARN, which stop nothing."""
    failures: tuple[str, ...]
    """One sentence for each failed step or check."""


def run_headless(
    definitions: dg.Definitions, stage: Stage, request: DailyRunRequest, stop_signal: StopSignal = NEVER_STOPPED
) -> RunResult:
    """Materialize days of all assets, or of those that the request selects.

    Args:
        definitions: The code location, built on ``stage``.
        stage: The stage, with its clock.
        request: What to make. A selection without any asset runs nothing and succeeds.
        stop_signal: The signal that stopped this process, if any; a stopped run is canceled and not failed.

    Raises:
        SettingError: for a selection that names no asset.
        UnavailableDayError: for a day that has no partition.
        DiskFullError: when there is no disk space for Dagster's run history.
    """
    started, run_id, progress = time.monotonic(), str(uuid.uuid4()), _ProgressRecorder()
    require_in_calendar(request.days, stage.clock, stage.first_day)
    job = definitions.resolve_job_def(DAILY_JOB)
    selected_keys = selected_assets(definitions, request)
    if selected_keys is not None and not selected_keys:
        return progress.result(run_id, succeeded=True, seconds=0.0)
    with translate_disk_errors(stage.home), memory.open_instance(stage) as instance:
        fail_orphaned_runs(instance, stage.home)
        instance.add_event_listener(run_id, progress.record)
        day_tags = partition_tags(request.days[0], request.days[-1])
        spec = RunSpec(
            run_id=run_id, tags={**own_process_tag(), **day_tags, **request.run_tags}, selection=selected_keys
        )
        run_lock.acquire_run_lock(stage.home, run_id)
        try:
            succeeded = execute_run(job, instance, build_executor(stage.home, stop_signal), spec)
        finally:
            run_lock.release_run_lock(stage.home, run_id)
    return progress.result(run_id, succeeded=succeeded, seconds=time.monotonic() - started)


class _ProgressRecorder:
    """Listener of one run: logs its progress events, and keeps of them what the result says."""

    def __init__(self) -> None:
        self._assets: dict[str, Mapping[str, object]] = {}
        self._checks: dict[str, bool] = {}
        self._warnings: list[str] = []
        self._failures: list[str] = []

    def record(self, entry: EventLogEntry) -> None:
        """Log an entry of Dagster's event log; Dagster calls this for each entry of the run."""
        if (event := to_progress_event(entry)) is not None:
            self._keep(event)
            log_progress(event)

    def _keep(self, event: ProgressEvent) -> None:
        if event.kind is ProgressKind.MATERIALIZED:
            self._assets[event.asset] = _with_earlier_rows(self._assets.get(event.asset, {}), event.metadata)
        elif event.level >= logging.ERROR:
            self._failures.append(event.line)
        elif event.level >= logging.WARNING:
            self._warnings.append(event.line)
        if event.kind is ProgressKind.CHECKED and event.level != logging.WARNING:
            self._checks[f"{event.asset} {event.check}"] = event.passed

    def result(self, run_id: str, *, succeeded: bool, seconds: float) -> RunResult:
        """Result of the run, which succeeded when all of its steps did and no check failed."""
        return RunResult(
            run_id=run_id,
            succeeded=succeeded and all(self._checks.values()),
            seconds=seconds,
            assets=self._assets,
            checks=self._checks,
            warnings=tuple(self._warnings),
            failures=tuple(self._failures),
        )


def _with_earlier_rows(earlier: Mapping[str, object], newest: Mapping[str, object]) -> Mapping[str, object]:
    """Metadata of the newest day, with the counts of added rows summed over all days so far."""
    added = {
        key: count + (already if isinstance(already := newest.get(key), int) else 0)
        for key, count in earlier.items()
        if key.startswith("rows_added_") and isinstance(count, int)
    }
    return {**newest, **added}
