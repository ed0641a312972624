"""Alerts sensor: collects faults twice a minute and sends each channel the messages it has not received yet.

Dagster's history ──▶ faults ──▶ incidents ──▶ messages ──▶ webhook, e-mail
                                    ▲
                     sensor cursor: open incidents, and what each channel was sent

``run_history`` finds the faults; the ``alerts`` package groups them and sends the messages.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import dagster as dg
from msgspec import Struct

from refera_platform.alerts.deliver import deliver_messages
from refera_platform.alerts.fault import FaultKind
from refera_platform.alerts.incident import group_faults
from refera_platform.alerts.send import Channel, configured_channels
from refera_platform.alerts.state import NOTHING_TRACKED, AlertState
from refera_platform.alerts.tracking import track_incidents
from refera_platform.json_codec import decode_values, encode_json, encode_values, parse_json_object
from refera_platform.orchestration.run_history.failed_checks import active_run_ids, find_check_faults
from refera_platform.orchestration.run_history.failed_runs import failed_runs_since, find_open_failures
from refera_platform.settings.stage import Stage

SENSOR_INTERVAL_SECONDS = 30
NO_CHANNEL_MESSAGE = (
    "No alert channel is configured: set REFERA_ALERT_WEBHOOK, or REFERA_ALERT_SMTP with REFERA_ALERT_MAIL_FROM and"
    " REFERA_ALERT_MAIL_TO."
)


class AlertsCursor(Struct, frozen=True, kw_only=True, rename={"checked_until": "seen", "pending_run_ids": "watched"}):
    """State of the sensor between two evaluations."""

    checked_until: datetime | None
    """Instant up to which failed runs were searched for."""
    pending_run_ids: tuple[str, ...]
    """Failed runs whose targets are still missing."""
    memory: AlertState
    """Stored beside the other two, not within a key of its own."""

    def to_json(self) -> str:
        """Encode the cursor as compact JSON."""
        content = encode_values(self)
        state = content.pop("memory")
        return encode_json({**content, **state}, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | None) -> "AlertsCursor | None":
        """Decode a cursor: an empty one at the first evaluation, ``None`` for text that cannot be read."""
        if not text:
            return EMPTY_CURSOR
        try:
            content = parse_json_object(text)
            return decode_values({**content, "memory": content}, cls)
        except ValueError:
            return None


EMPTY_CURSOR = AlertsCursor(checked_until=None, pending_run_ids=(), memory=NOTHING_TRACKED)


def build_alerts_sensor() -> dg.SensorDefinition:
    """Sensor that sends alerts; running by default. Without a channel it skips and says so."""

    @dg.sensor(
        name="alerts",
        minimum_interval_seconds=SENSOR_INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Notifies people of failed runs, failed checks and overdue tables: one message a cause.",
    )
    def alerts(context: dg.SensorEvaluationContext, stage: dg.ResourceParam[Stage]) -> dg.SkipReason:
        active_channels = configured_channels(stage.alerts, stage.name)
        if not active_channels:
            return dg.SkipReason(NO_CHANNEL_MESSAGE)
        previous = AlertsCursor.from_json(context.cursor)
        if previous is None:
            context.log.warning("The cursor could not be read: what is wrong now is reported again.")
        repository = context.repository_def
        if repository is None:
            raise dg.DagsterInvariantViolationError("The sensor was evaluated outside of a code location.")
        current, delivery_errors = evaluate_and_notify(
            context.instance, repository, active_channels, previous or EMPTY_CURSOR, datetime.now(UTC)
        )
        context.update_cursor(current.to_json())
        for delivery_error in delivery_errors:
            context.log.error(delivery_error)
        return dg.SkipReason(" | ".join(delivery_errors) or _open_incidents_summary(current.memory))

    return alerts


def evaluate_and_notify(
    instance: dg.DagsterInstance,
    repository: dg.RepositoryDefinition,
    active_channels: Sequence[Channel],
    previous: AlertsCursor,
    now: datetime,
) -> tuple[AlertsCursor, list[str]]:
    """Find what is wrong now and send it to every channel that does not know it yet.

    Returns:
        The next cursor, and one sentence for each channel that could not be reached.
    """
    graph = repository.asset_graph
    # read first: a run that ends during this evaluation is reported at the next one, together with its checks
    active_ids = active_run_ids(instance)
    failed_run_ids, checked_until = failed_runs_since(instance, previous.checked_until, now)
    failures = find_open_failures(
        instance, set(graph.get_all_asset_keys()), [*failed_run_ids, *previous.pending_run_ids], now
    )
    check_descriptions = {key: graph.get(key).description or "" for key in graph.asset_check_keys}
    check_failures = find_check_faults(instance, check_descriptions, active_ids | set(failures.undecided_run_ids))
    state = track_incidents(previous.memory, group_faults([*failures.faults, *check_failures]), now)
    state, delivery_errors = deliver_messages(state, active_channels, now)
    return AlertsCursor(
        checked_until=checked_until, pending_run_ids=failures.pending_run_ids, memory=state
    ), delivery_errors


def _open_incidents_summary(state: AlertState) -> str:
    """One line about the open incidents, shown as the skip reason of the sensor."""
    open_incidents = [
        incident for incident in state.incidents if not incident.ended_at and incident.kind is not FaultKind.REFUSED
    ]
    if not open_incidents:
        return "Nothing is wrong."
    return f"Already reported: {' | '.join(incident.cause for incident in open_incidents[:5])}"
