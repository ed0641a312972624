"""The daily job without the UI: the same assets, checks and history, in this process.

stage + days + selection ──▶ run() ──▶ Outcome (and every event, told as it happens)
"""

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import dagster as dg
from dagster import DagsterEventType, EventLogEntry

from refera_platform.disk import explained
from refera_platform.errors import SettingError
from refera_platform.lake.days import require_in_calendar
from refera_platform.orchestration import instance as memory
from refera_platform.orchestration import keys
from refera_platform.orchestration.executor import WAITING, Request, execute, executor
from refera_platform.orchestration.partitions import days_tags
from refera_platform.orchestration.progress import Event, read
from refera_platform.orchestration.run_history import run_lock
from refera_platform.orchestration.run_history.retry_candidates import DAILY
from refera_platform.orchestration.run_history.run_process import bury_the_dead, own_tag
from refera_platform.settings.stage import Stage
from refera_platform.source.catalog import TABLES
from refera_platform.source.table import SourceTable

NO_TAGS: Mapping[str, str] = {}
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(kw_only=True)
class Outcome:
    """What a headless run did."""

    run_id: str
    succeeded: bool = False
    seconds: float = 0.0
    assets: dict[str, dict[str, object]] = field(default_factory=dict)
    """Metadata of each materialized asset, by its key with slashes."""
    checks: dict[str, bool] = field(default_factory=dict)
    """Whether each check passed, by asset and name."""
    warnings: list[str] = field(default_factory=list)
    """Checks that found something which does not stop a day."""
    failures: list[str] = field(default_factory=list)
    """One sentence for each step or check that failed."""


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which assets a run makes."""

    names: str = ""
    """Comma-separated names of tables, models and groups, or Dagster's selection syntax; empty for all."""
    without: tuple[SourceTable, ...] = ()
    """Raw tables that are left out all the same."""


Tell = Callable[[str, str], None]
"""Told the kind (``asset``, ``check``, ``log``, ``waiting``, ``warning``, ``failure``) and one line about it."""


def run(
    definitions: dg.Definitions,
    stage: Stage,
    days: Sequence[date],
    select: str | Selection = "",
    tell: Tell = lambda kind, line: None,
    tags: Mapping[str, str] = NO_TAGS,
    watch: Callable[[Event], None] = lambda event: None,
    is_stopped: Callable[[], int] = lambda: 0,
) -> Outcome:
    """Materialize days of everything, or of what ``select`` names.

    Args:
        definitions: The house, built on ``stage``.
        stage: Where, and what time it is.
        days: Consecutive days, oldest first; several are one pass.
        select: Names as in ``Selection``, or more exactly; empty for all. Where nothing is left, nothing is run.
        tell: Told of each event as it happens.
        tags: More tags of the run.
        watch: Told of the same in detail, for a display.
        is_stopped: Whether a signal stopped this process: then the run is canceled, and has not failed.

    Raises:
        SettingError: for a selection that names nothing.
        UnavailableDayError: for a day that has no partition.
        DiskFullError: when Dagster's history has no room.
    """
    started = time.monotonic()
    require_in_calendar(days, stage.clock, stage.first_day)
    outcome = Outcome(run_id=str(uuid.uuid4()))
    job = definitions.resolve_job_def(DAILY)
    chosen = _chosen(definitions, select if isinstance(select, Selection) else Selection(names=select))
    if chosen is not None and not chosen:
        return replace(outcome, succeeded=True)
    with explained(stage.home), memory.opened(stage) as instance:
        bury_the_dead(instance, stage.home)
        instance.add_event_listener(outcome.run_id, lambda entry: _heard(entry, outcome, tell, watch))
        span = days_tags(days[0], days[-1]) if len(days) > 1 else {}
        run_lock.hold(stage.home, outcome.run_id)
        try:
            outcome.succeeded = execute(
                job,
                instance,
                executor(stage.home, is_stopped),
                Request(
                    run_id=outcome.run_id,
                    run_config=QUIET,
                    tags={**own_tag(), **span, **tags},
                    partition_key=str(days[0]) if len(days) == 1 else None,
                    selection=chosen,
                ),
            )
        finally:
            run_lock.release(stage.home, outcome.run_id)
    outcome.succeeded = outcome.succeeded and all(outcome.checks.values())
    outcome.seconds = time.monotonic() - started
    return outcome


def _chosen(definitions: dg.Definitions, selection: Selection) -> frozenset[dg.AssetKey] | None:
    """The assets of a selection; ``None`` for all of them."""
    if not selection.names and not selection.without:
        return None
    if selection.names:
        found = selected(definitions, selection.names)
    else:
        found = frozenset(definitions.resolve_asset_graph().materializable_asset_keys)
    return found - {keys.raw(table) for table in selection.without}


def selected(definitions: dg.Definitions, select: str) -> frozenset[dg.AssetKey]:
    """The assets that a selection names.

    Raises:
        SettingError: naming the part that names nothing.
    """
    graph = definitions.resolve_asset_graph()
    known = {table.name: keys.raw(table) for table in TABLES} | {table.address: keys.raw(table) for table in TABLES}
    known |= {key.path[-1]: key for key in graph.materializable_asset_keys if key.path[0] != "raw"}
    groups = set(keys.GROUPS.values()) | {"lake"}
    found: set[dg.AssetKey] = set()
    for part in filter(None, (piece.strip() for piece in select.split(","))):
        if part in known:
            found.add(known[part])
            continue
        try:
            if part in groups:
                selection: dg.AssetSelection = dg.AssetSelection.groups(part)
            elif "/" in part and not any(sign in part for sign in ':+"'):
                selection = dg.AssetSelection.assets(part.split("/"))
            else:
                selection = dg.AssetSelection.from_string(part)
            keys_found = selection.resolve(graph) & graph.materializable_asset_keys
        except dg.DagsterError:
            keys_found = frozenset()
        if not keys_found:
            raise SettingError(
                f"--select {part!r} names no asset:",
                f"write a table ({TABLES[0].name}), a model (dim_customer), a group ({', '.join(sorted(groups))})"
                " or a selection like '+key:\"answers/ans_sales_by_month\"'.",
            )
        found |= keys_found
    return frozenset(found)


def _added_up(before: Mapping[str, object], now: dict[str, object]) -> dict[str, object]:
    """What is told of the newest of several days, with the rows that were added to all of them."""
    added = {
        key: count + (already if isinstance(already := now.get(key), int) else 0)
        for key, count in before.items()
        if key.startswith("rows_added_") and isinstance(count, int)
    }
    return {**now, **added}


def _heard(entry: EventLogEntry, outcome: Outcome, tell: Tell, watch: Callable[[Event], None]) -> None:
    if (happened := read(entry)) is not None:
        watch(happened)
    event = entry.dagster_event
    if event is None:
        tell("waiting" if entry.user_message.startswith(WAITING) else "log", entry.user_message)
    elif event.event_type is DagsterEventType.ASSET_MATERIALIZATION:
        materialization = event.step_materialization_data.materialization
        name = materialization.asset_key.to_user_string()
        told: dict[str, object] = {key: value.value for key, value in materialization.metadata.items()}
        outcome.assets[name] = _added_up(outcome.assets.get(name, {}), told)
        tell("asset", name)
    elif event.event_type is DagsterEventType.ASSET_CHECK_EVALUATION:
        evaluation = event.asset_check_evaluation_data
        name = f"{evaluation.asset_key.to_user_string()} {evaluation.check_name}"
        if evaluation.passed:
            outcome.checks[name] = True
            tell("check", name)
        elif evaluation.severity is dg.AssetCheckSeverity.WARN:
            outcome.warnings.append(f"{name}: {evaluation.description or 'not as expected'}")
            tell("warning", outcome.warnings[-1])
        else:
            outcome.checks[name] = False
            outcome.failures.append(f"Check {name}: {evaluation.description or 'failed'}")
            tell("failure", outcome.failures[-1])
    elif event.event_type is DagsterEventType.STEP_FAILURE:
        data = event.step_failure_data
        said = data.user_failure_data.description if data.user_failure_data else None
        error = data.error.cause or data.error if data.error else None
        outcome.failures.append(said or (error.message.strip() if error else event.step_key or "a step failed"))
        tell("failure", outcome.failures[-1])
