"""State of alerts: tracked incidents, and what each channel was notified of; short enough for a sensor's cursor.

There is no queue of messages. A channel that was unreachable gets one message an incident with the present state, as
soon as it can be reached again. ``changes`` updates the state.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from refera_platform.alerts.fault import FaultKind


@dataclass(frozen=True, kw_only=True)
class Notification:
    """What one channel was notified of about one incident."""

    affected: frozenset[str]
    notified_at: datetime
    """Instant of the last message."""
    is_over: bool = False
    """Whether the channel was notified that the incident is over."""


@dataclass(frozen=True, kw_only=True)
class TrackedIncident:
    """One incident from its beginning to its end."""

    id: str
    fingerprint: str
    kind: FaultKind
    cause: str
    link: str
    since: datetime
    affected: tuple[str, ...]
    """What is affected now; of an ended incident, what has recovered."""
    ended_at: datetime | None = None
    notifications: Mapping[str, Notification] = field(default_factory=dict)
    """By name of the channel."""
    symptoms: tuple[str, ...] = ()
    """All symptoms so far (``Fault.symptoms``)."""

    def with_notification(self, channel: str, now: datetime) -> "TrackedIncident":
        """The incident after a channel was notified of its present state."""
        previously_affected = self.notifications[channel].affected if channel in self.notifications else frozenset()
        is_over = self.ended_at is not None or self.kind is FaultKind.REFUSED
        notification = Notification(
            affected=previously_affected | frozenset(self.affected), notified_at=now, is_over=is_over
        )
        return replace(self, notifications={**self.notifications, channel: notification})


@dataclass(frozen=True, kw_only=True)
class ChannelBackoff:
    """Backoff of a channel after failures."""

    failures: int
    until: datetime


@dataclass(frozen=True, kw_only=True)
class AlertState:
    """Everything that is kept from one evaluation to the next."""

    incidents: tuple[TrackedIncident, ...] = ()
    backoffs: Mapping[str, ChannelBackoff] = field(default_factory=dict)
    """By name of the channel."""

    def to_json(self) -> dict[str, Any]:
        """Encode for ``json.dumps``."""
        return {
            "stories": [_incident_to_json(incident) for incident in self.incidents],
            "pauses": {
                name: {"failures": pause.failures, "until": pause.until.isoformat()}
                for name, pause in self.backoffs.items()
            },
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "AlertState":
        """Decode the output of :meth:`to_json`.

        Raises:
            ValueError, KeyError, TypeError, AttributeError: when the content is something else.
        """
        return cls(
            incidents=tuple(_incident_from_json(each) for each in content["stories"]),
            backoffs={
                name: ChannelBackoff(failures=int(pause["failures"]), until=datetime.fromisoformat(pause["until"]))
                for name, pause in content["pauses"].items()
            },
        )


def _incident_to_json(incident: TrackedIncident) -> dict[str, Any]:
    return {
        "id": incident.id,
        "key": incident.fingerprint,
        "kind": incident.kind.name,
        "cause": incident.cause,
        "link": incident.link,
        "since": incident.since.isoformat(),
        "things": list(incident.affected),
        "ended": incident.ended_at.isoformat() if incident.ended_at else None,
        "marks": list(incident.symptoms),
        "heard": {
            name: {
                "things": sorted(notification.affected),
                "at": notification.notified_at.isoformat(),
                "over": notification.is_over,
            }
            for name, notification in incident.notifications.items()
        },
    }


def _incident_from_json(content: Mapping[str, Any]) -> TrackedIncident:
    return TrackedIncident(
        id=content["id"],
        fingerprint=content["key"],
        kind=FaultKind[content["kind"]],
        cause=content["cause"],
        link=content["link"],
        since=datetime.fromisoformat(content["since"]),
        affected=tuple(content["things"]),
        symptoms=tuple(content.get("marks", content["things"])),
        ended_at=datetime.fromisoformat(content["ended"]) if content["ended"] else None,
        notifications={
            name: Notification(
                affected=frozenset(notification["things"]),
                notified_at=datetime.fromisoformat(notification["at"]),
                is_over=bool(notification["over"]),
            )
            for name, notification in content["heard"].items()
        },
    )
