"""Headless run of the daily job: the same assets, checks and run history as in the UI, in this process.

stage + days + RunSelection ──▶ run_headless() ──▶ RunResult (events go to the callbacks while the run goes on)

``cli.run`` calls it and shows the events.
"""

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import dagster as dg
from dagster import DagsterEventType, EventLogEntry

from refera_platform.disk import translate_disk_errors
from refera_platform.errors import SettingError
from refera_platform.lake.days import require_in_calendar
from refera_platform.orchestration import instance as memory
from refera_platform.orchestration import keys
from refera_platform.orchestration.executor import WAITING_PREFIX, RunSpec, build_executor, execute_run
from refera_platform.orchestration.partitions import partition_tags
from refera_platform.orchestration.progress import ProgressEvent, to_progress_event
from refera_platform.orchestration.run_history import run_lock
from refera_platform.orchestration.run_history.retry_candidates import DAILY_JOB
from refera_platform.orchestration.run_history.run_process import fail_orphaned_runs, own_process_tag
from refera_platform.settings.stage import Stage
from refera_platform.source.catalog import TABLES
from refera_platform.source.table import SourceTable

NO_TAGS: Mapping[str, str] = {}
QUIET_RUN_CONFIG = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(kw_only=True)
class RunResult:
    """Result of a headless run."""

    run_id: str
    succeeded: bool = False
    seconds: float = 0.0
    assets: dict[str, dict[str, object]] = field(default_factory=dict)
    """Metadata of each materialized asset, by its key with slashes."""
    checks: dict[str, bool] = field(default_factory=dict)
    """Whether each check passed, by asset key and check name."""
    warnings: list[str] = field(default_factory=list)
    """Failed checks of severity WARN, which stop nothing."""
    failures: list[str] = field(default_factory=list)
    """One sentence for each failed step or check."""


@dataclass(frozen=True, kw_only=True)
class RunSelection:
    """Which assets a run materializes."""

    names: str = ""
    """Comma-separated names of tables, models and groups, or Dagster's selection syntax; empty for all assets."""
    excluded: tuple[SourceTable, ...] = ()
    """Raw tables to leave out, even when ``names`` selects them."""


LineCallback = Callable[[str, str], None]
"""Callback with a kind (``asset``, ``check``, ``log``, ``waiting``, ``warning``, ``failure``) and a line of text."""


def run_headless(
    definitions: dg.Definitions,
    stage: Stage,
    days: Sequence[date],
    select: str | RunSelection = "",
    on_line: LineCallback = lambda kind, line: None,
    tags: Mapping[str, str] = NO_TAGS,
    on_event: Callable[[ProgressEvent], None] = lambda event: None,
    is_stopped: Callable[[], int] = lambda: 0,
) -> RunResult:
    """Materialize days of all assets, or of those that ``select`` names.

    Args:
        definitions: The code location, built on ``stage``.
        stage: The stage, with its clock.
        days: Consecutive days, oldest first; several days are one ingest run.
        select: A ``RunSelection`` or its ``names``. An empty result of it runs nothing and succeeds.
        on_line: Called with each event as a line of text.
        tags: Additional tags of the run.
        on_event: Called with each event in detail, for a display.
        is_stopped: Number of the signal that stopped this process, or 0; a stopped run is canceled and not failed.

    Raises:
        SettingError: for a selection that names no asset.
        UnavailableDayError: for a day that has no partition.
        DiskFullError: when there is no disk space for Dagster's run history.
    """
    started = time.monotonic()
    require_in_calendar(days, stage.clock, stage.first_day)
    result = RunResult(run_id=str(uuid.uuid4()))
    job = definitions.resolve_job_def(DAILY_JOB)
    selected_keys = _selected_assets(
        definitions, select if isinstance(select, RunSelection) else RunSelection(names=select)
    )
    if selected_keys is not None and not selected_keys:
        return replace(result, succeeded=True)
    with translate_disk_errors(stage.home), memory.open_instance(stage) as instance:
        fail_orphaned_runs(instance, stage.home)
        instance.add_event_listener(result.run_id, lambda entry: _record_event(entry, result, on_line, on_event))
        range_tags = partition_tags(days[0], days[-1]) if len(days) > 1 else {}
        run_lock.acquire_run_lock(stage.home, result.run_id)
        try:
            result.succeeded = execute_run(
                job,
                instance,
                build_executor(stage.home, is_stopped),
                RunSpec(
                    run_id=result.run_id,
                    run_config=QUIET_RUN_CONFIG,
                    tags={**own_process_tag(), **range_tags, **tags},
                    partition_key=str(days[0]) if len(days) == 1 else None,
                    selection=selected_keys,
                ),
            )
        finally:
            run_lock.release_run_lock(stage.home, result.run_id)
    result.succeeded = result.succeeded and all(result.checks.values())
    result.seconds = time.monotonic() - started
    return result


def _selected_assets(definitions: dg.Definitions, selection: RunSelection) -> frozenset[dg.AssetKey] | None:
    """Asset keys of a selection; ``None`` for all."""
    if not selection.names and not selection.excluded:
        return None
    if selection.names:
        selected_keys = resolve_selection(definitions, selection.names)
    else:
        selected_keys = frozenset(definitions.resolve_asset_graph().materializable_asset_keys)
    return selected_keys - {keys.raw_table_key(table) for table in selection.excluded}


def resolve_selection(definitions: dg.Definitions, select: str) -> frozenset[dg.AssetKey]:
    """Asset keys that a comma-separated selection names.

    Raises:
        SettingError: for a part that names no asset.
    """
    graph = definitions.resolve_asset_graph()
    keys_by_name = {table.name: keys.raw_table_key(table) for table in TABLES} | {
        table.address: keys.raw_table_key(table) for table in TABLES
    }
    keys_by_name |= {key.path[-1]: key for key in graph.materializable_asset_keys if key.path[0] != "raw"}
    groups = set(keys.GROUPS.values()) | {"lake"}
    asset_keys: set[dg.AssetKey] = set()
    for part in filter(None, (name.strip() for name in select.split(","))):
        if part in keys_by_name:
            asset_keys.add(keys_by_name[part])
            continue
        try:
            if part in groups:
                selection: dg.AssetSelection = dg.AssetSelection.groups(part)
            elif "/" in part and not any(sign in part for sign in ':+"'):
                selection = dg.AssetSelection.assets(part.split("/"))
            else:
                selection = dg.AssetSelection.from_string(part)
            matching_keys = selection.resolve(graph) & graph.materializable_asset_keys
        except dg.DagsterError:
            matching_keys = frozenset()
        if not matching_keys:
            raise SettingError(
                f"--select {part!r} names no asset:",
                f"write a table ({TABLES[0].name}), a model (dim_customer), a group ({', '.join(sorted(groups))})"
                " or a selection like '+key:\"answers/ans_sales_by_month\"'.",
            )
        asset_keys |= matching_keys
    return frozenset(asset_keys)


def _with_earlier_rows(earlier: Mapping[str, object], newest: dict[str, object]) -> dict[str, object]:
    """Metadata of the newest day, with the counts of added rows summed over all days so far."""
    added = {
        key: count + (already if isinstance(already := newest.get(key), int) else 0)
        for key, count in earlier.items()
        if key.startswith("rows_added_") and isinstance(count, int)
    }
    return {**newest, **added}


def _record_event(
    entry: EventLogEntry, result: RunResult, on_line: LineCallback, on_event: Callable[[ProgressEvent], None]
) -> None:
    if (progress_event := to_progress_event(entry)) is not None:
        on_event(progress_event)
    event = entry.dagster_event
    if event is None:
        on_line("waiting" if entry.user_message.startswith(WAITING_PREFIX) else "log", entry.user_message)
    elif event.event_type is DagsterEventType.ASSET_MATERIALIZATION:
        materialization = event.step_materialization_data.materialization
        name = materialization.asset_key.to_user_string()
        metadata: dict[str, object] = {key: value.value for key, value in materialization.metadata.items()}
        result.assets[name] = _with_earlier_rows(result.assets.get(name, {}), metadata)
        on_line("asset", name)
    elif event.event_type is DagsterEventType.ASSET_CHECK_EVALUATION:
        evaluation = event.asset_check_evaluation_data
        name = f"{evaluation.asset_key.to_user_string()} {evaluation.check_name}"
        if evaluation.passed:
            result.checks[name] = True
            on_line("check", name)
        elif evaluation.severity is dg.AssetCheckSeverity.WARN:
            result.warnings.append(f"{name}: {evaluation.description or 'not as expected'}")
            on_line("warning", result.warnings[-1])
        else:
            result.checks[name] = False
            result.failures.append(f"Check {name}: {evaluation.description or 'failed'}")
            on_line("failure", result.failures[-1])
    elif event.event_type is DagsterEventType.STEP_FAILURE:
        data = event.step_failure_data
        description = data.user_failure_data.description if data.user_failure_data else None
        error = data.error.cause or data.error if data.error else None
        result.failures.append(description or (error.message.strip() if error else event.step_key or "a step failed"))
        on_line("failure", result.failures[-1])
