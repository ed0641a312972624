"""What is known of incidents, and which channel was told what of each: short enough for a sensor's cursor.

Nothing waits in a queue. A channel that could not be reached is told what differs from what it has heard, when it can
be: one message an incident, however long it was away.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from refera_platform.alerts.fault import Kind


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What one channel was told of one incident."""

    things: frozenset[str]
    at: datetime
    """When it was told something last."""
    over: bool = False
    """Whether it was told that the incident is over."""


@dataclass(frozen=True, kw_only=True)
class Story:
    """One incident from its beginning to its end."""

    id: str
    key: str
    kind: Kind
    cause: str
    link: str
    since: datetime
    things: tuple[str, ...]
    """What is struck now; of one that ended, what is well again."""
    ended: datetime | None = None
    heard: Mapping[str, Heard] = field(default_factory=dict)
    """By the name of the channel."""
    marks: tuple[str, ...] = ()
    """What exactly was ever wrong (``Fault.marks``)."""

    def told(self, channel: str, now: datetime) -> "Story":
        """The same after a channel was told how it stands."""
        before = self.heard[channel].things if channel in self.heard else frozenset()
        over = self.ended is not None or self.kind is Kind.REFUSED
        heard = Heard(things=before | frozenset(self.things), at=now, over=over)
        return replace(self, heard={**self.heard, channel: heard})


@dataclass(frozen=True, kw_only=True)
class Pause:
    """A channel that failed is left alone for a while."""

    failures: int
    until: datetime


@dataclass(frozen=True, kw_only=True)
class Memory:
    """All that is remembered from one look to the next."""

    stories: tuple[Story, ...] = ()
    pauses: Mapping[str, Pause] = field(default_factory=dict)
    """By the name of the channel."""

    def as_json(self) -> dict[str, Any]:
        """The same for ``json.dumps``."""
        return {
            "stories": [_story_as_json(story) for story in self.stories],
            "pauses": {
                name: {"failures": pause.failures, "until": pause.until.isoformat()}
                for name, pause in self.pauses.items()
            },
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Memory":
        """What :meth:`as_json` gave.

        Raises:
            ValueError, KeyError, TypeError, AttributeError: when it is something else.
        """
        return cls(
            stories=tuple(_story_from_json(each) for each in content["stories"]),
            pauses={
                name: Pause(failures=int(pause["failures"]), until=datetime.fromisoformat(pause["until"]))
                for name, pause in content["pauses"].items()
            },
        )


def _story_as_json(story: Story) -> dict[str, Any]:
    return {
        "id": story.id,
        "key": story.key,
        "kind": story.kind.name,
        "cause": story.cause,
        "link": story.link,
        "since": story.since.isoformat(),
        "things": list(story.things),
        "ended": story.ended.isoformat() if story.ended else None,
        "marks": list(story.marks),
        "heard": {
            name: {"things": sorted(heard.things), "at": heard.at.isoformat(), "over": heard.over}
            for name, heard in story.heard.items()
        },
    }


def _story_from_json(content: Mapping[str, Any]) -> Story:
    return Story(
        id=content["id"],
        key=content["key"],
        kind=Kind[content["kind"]],
        cause=content["cause"],
        link=content["link"],
        since=datetime.fromisoformat(content["since"]),
        things=tuple(content["things"]),
        marks=tuple(content.get("marks", content["things"])),
        ended=datetime.fromisoformat(content["ended"]) if content["ended"] else None,
        heard={
            name: Heard(
                things=frozenset(heard["things"]), at=datetime.fromisoformat(heard["at"]), over=bool(heard["over"])
            )
            for name, heard in content["heard"].items()
        },
    )
