"""Changes of incidents: which messages each channel has to receive. Pure functions; ``deliver`` sends the messages.

incidents ──▶ track_incidents() ──▶ AlertState ──▶ due_messages() ──▶ (delivered) ──▶ record_delivery() ──▶ AlertState
"""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from refera_platform.alerts.fault import SYMPTOM_SEPARATOR, FaultKind
from refera_platform.alerts.incident import MAX_AFFECTED, MAX_SYMPTOMS, Incident
from refera_platform.alerts.message import Message, MessageType
from refera_platform.alerts.state import AlertState, TrackedIncident

WIDENED_INTERVAL = timedelta(hours=1)
"""Least time between two messages to a channel about more affected assets of one incident."""
MAX_INCIDENTS = 40
"""Most incidents in the state; ended ones are dropped first."""


def track_incidents(state: AlertState, incidents: Sequence[Incident], now: datetime) -> AlertState:
    """Update the state: new incidents begin, present ones continue, absent ones end.

    An asset has recovered when none of the incident's symptoms of it is open in any incident. An incident ends silently
    when nothing has recovered: all of its symptoms then belong to other incidents. A refused day also ends silently,
    because it never recovers.
    """
    present = {incident.fingerprint: incident for incident in incidents}
    open_symptoms = {mark for incident in incidents for mark in incident.symptoms or incident.affected}
    tracked_incidents = []
    for tracked in state.incidents:
        if tracked.ended_at:
            tracked_incidents.append(tracked)
        elif current := present.pop(tracked.fingerprint, None):
            symptoms = {*(tracked.symptoms or tracked.affected), *(current.symptoms or current.affected)}
            tracked_incidents.append(
                replace(
                    tracked,
                    affected=current.affected,
                    link=current.link,
                    symptoms=tuple(sorted(symptoms)[:MAX_SYMPTOMS]),
                )
            )
        elif tracked.kind is FaultKind.REFUSED:
            tracked_incidents.append(replace(tracked, ended_at=now))
        elif recovered := _recovered(tracked, open_symptoms):
            tracked_incidents.append(replace(tracked, affected=recovered, ended_at=now))
    new_incidents = [_start_tracking(incident, now) for incident in present.values()]
    return replace(state, incidents=tuple(_limit_incidents([*tracked_incidents, *new_incidents])))


def due_messages(state: AlertState, channel: str, now: datetime) -> list[Message]:
    """Messages that a channel has to receive now, oldest incident first."""
    messages = []
    for tracked in sorted(state.incidents, key=lambda story: (story.since, story.id)):
        notification = tracked.notifications.get(channel)
        if tracked.ended_at and tracked.kind is not FaultKind.REFUSED:
            if notification is None or not notification.is_over:
                messages.append(_message(MessageType.RECOVERED, tracked, tracked.affected, tracked.ended_at))
        elif notification is None:
            messages.append(_message(MessageType.OPENED, tracked, tracked.affected, now))
        elif (
            joined := sorted(set(tracked.affected) - set(notification.affected))
        ) and now - notification.notified_at >= WIDENED_INTERVAL:
            messages.append(_message(MessageType.WIDENED, tracked, joined, now))
    return messages


def record_delivery(state: AlertState, message: Message, channel: str, now: datetime) -> AlertState:
    """Update the state after a channel accepted a message."""
    tracked_incidents = (
        tracked.with_notification(channel, now) if tracked.id == message.incident_id else tracked
        for tracked in state.incidents
    )
    return replace(state, incidents=tuple(tracked_incidents))


def prune_incidents(state: AlertState, channels: Collection[str]) -> AlertState:
    """Remove ended incidents that every channel knows to be over, and channels that no longer exist."""
    tracked_incidents = []
    for tracked in state.incidents:
        notifications = {name: each for name, each in tracked.notifications.items() if name in channels}
        if not tracked.ended_at or not all(name in notifications and notifications[name].is_over for name in channels):
            tracked_incidents.append(replace(tracked, notifications=notifications))
    backoffs = {name: pause for name, pause in state.backoffs.items() if name in channels}
    return replace(state, incidents=tuple(tracked_incidents), backoffs=backoffs)


def _start_tracking(incident: Incident, now: datetime) -> TrackedIncident:
    incident_id = hashlib.sha256(f"{incident.fingerprint} {now.isoformat()}".encode()).hexdigest()[:16]
    return TrackedIncident(
        id=incident_id,
        fingerprint=incident.fingerprint,
        kind=incident.kind,
        cause=incident.cause,
        link=incident.link,
        since=incident.since,
        affected=incident.affected,
        ended_at=None,
        symptoms=incident.symptoms or incident.affected,
        notifications={},
    )


def _ever_affected(tracked: TrackedIncident) -> list[str]:
    """Every asset that an incident affects now, or did in any message that was sent."""
    notified = (notification.affected for notification in tracked.notifications.values())
    return sorted(set(tracked.affected).union(*notified))[:MAX_AFFECTED]


def _recovered(tracked: TrackedIncident, open_symptoms: Collection[str]) -> tuple[str, ...]:
    """Assets of an incident of which no symptom is open any more."""
    still_affected = {
        mark.partition(SYMPTOM_SEPARATOR)[0] for mark in (tracked.symptoms or tracked.affected) if mark in open_symptoms
    }
    return tuple(thing for thing in _ever_affected(tracked) if thing not in still_affected)


def _limit_incidents(tracked_incidents: list[TrackedIncident]) -> Iterable[TrackedIncident]:
    """Drop the oldest ended incidents above the limit; dropping an open one would report it again as new."""
    surplus = max(0, len(tracked_incidents) - MAX_INCIDENTS)
    ended_incidents = sorted(
        (tracked for tracked in tracked_incidents if tracked.ended_at), key=lambda story: story.since
    )
    dropped_ids = {tracked.id for tracked in ended_incidents[:surplus]}
    return [tracked for tracked in tracked_incidents if tracked.id not in dropped_ids][:MAX_INCIDENTS]


def _message(message_type: MessageType, tracked: TrackedIncident, affected: Sequence[str], until: datetime) -> Message:
    return Message(
        message_type=message_type,
        incident_id=tracked.id,
        kind=tracked.kind,
        cause=tracked.cause,
        affected=tuple(affected),
        link=tracked.link,
        since=tracked.since,
        until=until,
    )
