"""What happens in a run, in words that need no Dagster: for those who show it as it goes.

EventLogEntry ──▶ read() ──▶ Event (planned, started, built, stored, checked, failed, said)
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from dagster import AssetCheckSeverity, DagsterEventType, EventLogEntry

from refera_platform.warehouse.build.node_result import heard


class What(Enum):
    """What happened."""

    PLANNED = "an asset is to be made"
    CHECK_PLANNED = "a check is to be made"
    STARTED = "a step began"
    BUILT = "a model of the build is there and not yet published"
    STORED = "an asset was made"
    CHECKED = "a check has been made"
    FAILED = "a step failed"
    SAID = "a line was written to the log"


@dataclass(frozen=True, kw_only=True)
class Event:
    """One thing that happened."""

    what: What
    asset: str = ""
    """Key of the asset with slashes; of a model that was built, its name."""
    step: str = ""
    """Step that makes the asset."""
    line: str = ""
    passed: bool = True
    """Whether a check passed (or found what stops no day), or a model was built."""
    seconds: float = 0.0
    metadata: Mapping[str, object] = field(default_factory=dict)


def read(entry: EventLogEntry) -> Event | None:
    """The event of an entry of the log; ``None`` for what nobody waits for."""
    event, step = entry.dagster_event, entry.step_key or ""
    if event is None:
        node = heard(entry.user_message)
        if node and node.kind == "model":
            return Event(
                what=What.BUILT,
                asset=node.name,
                step=step,
                line=entry.user_message,
                passed=not node.is_red,
                seconds=node.seconds,
            )
        return Event(what=What.SAID, step=step, line=entry.user_message)
    asset = event.asset_key.to_user_string() if event.asset_key else ""
    match event.event_type:
        case DagsterEventType.ASSET_MATERIALIZATION_PLANNED:
            return Event(what=What.PLANNED, asset=asset, step=step)
        case DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED:
            key = event.asset_check_planned_data.asset_key
            return Event(what=What.CHECK_PLANNED, asset=key.to_user_string(), step=step)
        case DagsterEventType.STEP_START | DagsterEventType.STEP_RESTARTED:
            return Event(what=What.STARTED, step=step)
        case DagsterEventType.STEP_FAILURE:
            return Event(what=What.FAILED, step=step)
        case DagsterEventType.ASSET_MATERIALIZATION:
            told = event.step_materialization_data.materialization.metadata
            metadata = {name: value.value for name, value in told.items()}
            return Event(what=What.STORED, asset=asset, step=step, metadata=metadata)
        case DagsterEventType.ASSET_CHECK_EVALUATION:
            found = event.asset_check_evaluation_data
            name = f"{found.asset_key.to_user_string()} {found.check_name}"
            passed = found.passed or found.severity is AssetCheckSeverity.WARN
            return Event(what=What.CHECKED, asset=found.asset_key.to_user_string(), step=step, line=name, passed=passed)
    return None
