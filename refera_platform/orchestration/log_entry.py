"""Progress event of an entry of Dagster's event log.

EventLogEntry ──▶ to_progress_event() ──▶ ProgressEvent (planned, started, built, materialized, checked, failed, logged)
"""

import logging

from dagster import AssetCheckSeverity, DagsterEvent, DagsterEventType, EventLogEntry

from refera_platform.orchestration.executor import WAITING_PREFIX
from refera_platform.orchestration.progress import ProgressEvent, ProgressKind
from refera_platform.warehouse.build.node_result import node_result_from_line


def to_progress_event(entry: EventLogEntry) -> ProgressEvent | None:
    """Progress event of an event log entry; ``None`` for entries that no display shows."""
    event, step = entry.dagster_event, entry.step_key or ""
    if event is None:
        return _line_event(entry.user_message, step)
    asset = event.asset_key.to_user_string() if event.asset_key else ""
    match event.event_type:
        case DagsterEventType.ASSET_MATERIALIZATION_PLANNED:
            return ProgressEvent(kind=ProgressKind.PLANNED, asset=asset, step=step)
        case DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED:
            key = event.asset_check_planned_data.asset_key
            return ProgressEvent(kind=ProgressKind.CHECK_PLANNED, asset=key.to_user_string(), step=step)
        case DagsterEventType.STEP_START | DagsterEventType.STEP_RESTARTED:
            return ProgressEvent(kind=ProgressKind.STARTED, step=step)
        case DagsterEventType.STEP_FAILURE:
            return ProgressEvent(
                kind=ProgressKind.FAILED, step=step, line=_failure_sentence(event), level=logging.ERROR
            )
        case DagsterEventType.ASSET_MATERIALIZATION:
            entries = event.step_materialization_data.materialization.metadata
            metadata = {name: value.value for name, value in entries.items()}
            return ProgressEvent(kind=ProgressKind.MATERIALIZED, asset=asset, step=step, line=asset, metadata=metadata)
        case DagsterEventType.ASSET_CHECK_EVALUATION:
            return _check_event(event, step)
    return None


def _line_event(line: str, step: str) -> ProgressEvent:
    """Event of a line that a step wrote to the log."""
    node = node_result_from_line(line)
    if node and node.kind == "model":
        return ProgressEvent(
            kind=ProgressKind.BUILT,
            asset=node.name,
            step=step,
            line=line,
            passed=not node.is_failed,
            seconds=node.seconds,
        )
    kind = ProgressKind.WAITING if line.startswith(WAITING_PREFIX) else ProgressKind.LOGGED
    return ProgressEvent(kind=kind, step=step, line=line)


def _check_event(event: DagsterEvent, step: str) -> ProgressEvent:
    evaluation = event.asset_check_evaluation_data
    asset, is_warning = evaluation.asset_key.to_user_string(), evaluation.severity is AssetCheckSeverity.WARN
    line, level = f"{asset} {evaluation.check_name}", logging.INFO
    if not evaluation.passed and is_warning:
        line, level = f"{line}: {evaluation.description or 'not as expected'}", logging.WARNING
    elif not evaluation.passed:
        line, level = f"Check {line}: {evaluation.description or 'failed'}", logging.ERROR
    return ProgressEvent(
        kind=ProgressKind.CHECKED,
        asset=asset,
        check=evaluation.check_name,
        step=step,
        line=line,
        level=level,
        passed=evaluation.passed or is_warning,
    )


def _failure_sentence(event: DagsterEvent) -> str:
    data = event.step_failure_data
    description = data.user_failure_data.description if data.user_failure_data else None
    error = data.error.cause or data.error if data.error else None
    return description or (error.message.strip() if error else event.step_key or "a step failed")
