"""From what was known and what is wrong now to what each channel has to be told. Pure: the same in, the same out.

incidents ──▶ remember() ──▶ Memory ──▶ due() ──▶ messages ──▶ (delivered) ──▶ Memory
"""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from refera_platform.alerts.fault import SYMPTOM_SEPARATOR, FaultKind
from refera_platform.alerts.incident import MAX_AFFECTED, MAX_SYMPTOMS, Incident
from refera_platform.alerts.memory import AlertState, TrackedIncident
from refera_platform.alerts.message import Message, MessageType

WIDENED_INTERVAL = timedelta(hours=1)
"""How long a channel is left in peace before it is told that an incident it knows has struck more."""
MAX_INCIDENTS = 40
"""Incidents remembered at one time; those that ended give way first."""


def track_incidents(state: AlertState, incidents: Sequence[Incident], now: datetime) -> AlertState:
    """What is known after a look: new incidents begin, known ones go on, and those that are gone end.

    What got well is told whatever else is wrong of the same table. One whose days and checks are all still red for
    another reason ends without a word: nothing has recovered. So does a refusal by rule, of which nothing ever will.
    """
    present = {incident.fingerprint: incident for incident in incidents}
    open_symptoms = {mark for incident in incidents for mark in incident.symptoms or incident.affected}
    tracked_incidents = []
    for tracked in state.incidents:
        if tracked.ended_at:
            tracked_incidents.append(tracked)
        elif current := present.pop(tracked.fingerprint, None):
            symptoms = {*tracked.symptoms, *(current.symptoms or current.affected)}
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
    """What a channel has to be told now, oldest incident first."""
    messages = []
    for tracked in sorted(state.incidents, key=lambda story: (story.since, story.id)):
        notification = tracked.notifications.get(channel)
        if tracked.ended_at and tracked.kind is not FaultKind.REFUSED:
            if notification is None or not notification.is_over:
                messages.append(_message(MessageType.RECOVERED, tracked, tracked.affected, tracked.ended_at))
        elif notification is None:
            messages.append(_message(MessageType.OPENED, tracked, tracked.affected, now))
        elif (
            joined := sorted(set(tracked.affected) - notification.affected)
        ) and now - notification.notified_at >= WIDENED_INTERVAL:
            messages.append(_message(MessageType.WIDENED, tracked, joined, now))
    return messages


def record_delivery(state: AlertState, message: Message, channel: str, now: datetime) -> AlertState:
    """What is known after a channel took a message."""
    tracked_incidents = (
        tracked.with_notification(channel, now) if tracked.id == message.incident_id else tracked
        for tracked in state.incidents
    )
    return replace(state, incidents=tuple(tracked_incidents))


def prune_incidents(state: AlertState, channels: Collection[str]) -> AlertState:
    """Without what no channel has to be told any more, and without channels that are gone."""
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
        symptoms=incident.symptoms or incident.affected,
    )


def _ever_affected(tracked: TrackedIncident) -> list[str]:
    """Everything that an incident struck, as far as anybody was told, or is struck now."""
    notified = frozenset[str]().union(*(notification.affected for notification in tracked.notifications.values()))
    return sorted(notified | set(tracked.affected))[:MAX_AFFECTED]


def _recovered(tracked: TrackedIncident, open_symptoms: Collection[str]) -> tuple[str, ...]:
    """What an incident struck and of which none of its days and checks is red any more."""
    still_affected = {
        mark.partition(SYMPTOM_SEPARATOR)[0] for mark in (tracked.symptoms or tracked.affected) if mark in open_symptoms
    }
    return tuple(thing for thing in _ever_affected(tracked) if thing not in still_affected)


def _limit_incidents(tracked_incidents: list[TrackedIncident]) -> Iterable[TrackedIncident]:
    """Not more than are remembered; an open one is never let go, or it would be told as new."""
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
