"""Progress events of a run, free of Dagster's types, for whoever displays the run.

EventLogEntry ──▶ to_progress_event() ──▶ ProgressEvent (planned, started, built, materialized, checked, failed, logged)

``headless`` emits them and ``cli.live_table`` shows them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from dagster import AssetCheckSeverity, DagsterEventType, EventLogEntry

from refera_platform.warehouse.build.node_result import node_result_from_line


class ProgressKind(Enum):
    """Kind of a progress event."""

    PLANNED = "an asset is to be made"
    CHECK_PLANNED = "a check is to be made"
    STARTED = "a step began"
    BUILT = "a model of the build is there and not yet published"
    MATERIALIZED = "an asset was made"
    CHECKED = "a check has been made"
    FAILED = "a step failed"
    LOGGED = "a line was written to the log"


@dataclass(frozen=True, kw_only=True)
class ProgressEvent:
    """One progress event."""

    kind: ProgressKind
    asset: str = ""
    """Asset key with slashes; for a model that was built, its bare name."""
    step: str = ""
    """Step that materializes the asset."""
    line: str = ""
    passed: bool = True
    """Whether a check passed (or failed only as a warning), or a model was built."""
    seconds: float = 0.0
    metadata: Mapping[str, object] = field(default_factory=dict)


def to_progress_event(entry: EventLogEntry) -> ProgressEvent | None:
    """Progress event of an event log entry; ``None`` for entries that no display shows."""
    event, step = entry.dagster_event, entry.step_key or ""
    if event is None:
        node = node_result_from_line(entry.user_message)
        if node and node.kind == "model":
            return ProgressEvent(
                kind=ProgressKind.BUILT,
                asset=node.name,
                step=step,
                line=entry.user_message,
                passed=not node.is_failed,
                seconds=node.seconds,
            )
        return ProgressEvent(kind=ProgressKind.LOGGED, step=step, line=entry.user_message)
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
            return ProgressEvent(kind=ProgressKind.FAILED, step=step)
        case DagsterEventType.ASSET_MATERIALIZATION:
            entries = event.step_materialization_data.materialization.metadata
            metadata = {name: value.value for name, value in entries.items()}
            return ProgressEvent(kind=ProgressKind.MATERIALIZED, asset=asset, step=step, metadata=metadata)
        case DagsterEventType.ASSET_CHECK_EVALUATION:
            evaluation = event.asset_check_evaluation_data
            name = f"{evaluation.asset_key.to_user_string()} {evaluation.check_name}"
            passed = evaluation.passed or evaluation.severity is AssetCheckSeverity.WARN
            return ProgressEvent(
                kind=ProgressKind.CHECKED,
                asset=evaluation.asset_key.to_user_string(),
                step=step,
                line=name,
                passed=passed,
            )
    return None
