"""State of alerts: tracked incidents, and what each channel was notified of; short enough for a sensor's cursor.

There is no queue of messages. A channel that was unreachable gets one message an incident with the present state, as
soon as it can be reached again. ``tracking`` updates the state, and ``deliver`` sends the messages.
"""

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from refera_platform.alerts.fault import FaultKind


class Notification(
    Struct, frozen=True, kw_only=True, rename={"affected": "things", "notified_at": "at", "is_over": "over"}
):
    """What one channel was notified of about one incident."""

    affected: tuple[str, ...]
    """All that its messages named, sorted."""
    notified_at: datetime
    """Instant of the last message."""
    is_over: bool
    """Whether the channel was notified that the incident is over."""


class TrackedIncident(
    Struct,
    frozen=True,
    kw_only=True,
    rename={
        "fingerprint": "key",
        "affected": "things",
        "ended_at": "ended",
        "symptoms": "marks",
        "notifications": "heard",
    },
):
    """One incident from its beginning to its end."""

    id: str
    fingerprint: str
    kind: FaultKind
    cause: str
    link: str
    since: datetime
    affected: tuple[str, ...]
    """What is affected now; of an ended incident, what has recovered."""
    ended_at: datetime | None
    symptoms: tuple[str, ...] = ()
    """All symptoms so far (``Fault.symptoms``); empty in the oldest states, where what is affected stands for them."""
    notifications: Mapping[str, Notification]
    """By name of the channel."""

    def with_notification(self, channel: str, now: datetime) -> "TrackedIncident":
        """The incident after a channel was notified of its present state."""
        previously_affected = self.notifications[channel].affected if channel in self.notifications else ()
        is_over = self.ended_at is not None or self.kind is FaultKind.REFUSED
        notification = Notification(
            affected=tuple(sorted({*previously_affected, *self.affected})), notified_at=now, is_over=is_over
        )
        return replace(self, notifications={**self.notifications, channel: notification})


class ChannelBackoff(Struct, frozen=True, kw_only=True):
    """Backoff of a channel after failures."""

    failures: int
    until: datetime


class AlertState(Struct, frozen=True, kw_only=True, rename={"incidents": "stories", "backoffs": "pauses"}):
    """Everything that is kept from one evaluation to the next."""

    incidents: tuple[TrackedIncident, ...]
    backoffs: Mapping[str, ChannelBackoff]
    """By name of the channel."""


NOTHING_TRACKED = AlertState(incidents=(), backoffs={})
