"""From what was known and what is wrong now to what each channel has to be told. Pure: the same in, the same out.

incidents ──▶ remember() ──▶ Memory ──▶ due() ──▶ messages ──▶ (delivered) ──▶ Memory
"""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from refera_platform.alerts.fault import MARK, Kind
from refera_platform.alerts.incident import MOST_MARKS, MOST_THINGS, Incident
from refera_platform.alerts.memory import Memory, Story
from refera_platform.alerts.message import Message, What

WIDENED_AFTER = timedelta(hours=1)
"""How long a channel is left in peace before it is told that an incident it knows has struck more."""
MOST_STORIES = 40
"""Incidents remembered at one time; those that ended give way first."""


def remember(memory: Memory, incidents: Sequence[Incident], now: datetime) -> Memory:
    """What is known after a look: new incidents begin, known ones go on, and those that are gone end.

    What got well is told whatever else is wrong of the same table. One whose days and checks are all still red for
    another reason ends without a word: nothing has recovered. So does a refusal by rule, of which nothing ever will.
    """
    present = {incident.key: incident for incident in incidents}
    red = {mark for incident in incidents for mark in incident.marks or incident.things}
    stories = []
    for story in memory.stories:
        if story.ended:
            stories.append(story)
        elif found := present.pop(story.key, None):
            marks = {*story.marks, *(found.marks or found.things)}
            stories.append(
                replace(story, things=found.things, link=found.link, marks=tuple(sorted(marks)[:MOST_MARKS]))
            )
        elif story.kind is Kind.REFUSED:
            stories.append(replace(story, ended=now))
        elif well := _well(story, red):
            stories.append(replace(story, things=well, ended=now))
    begun = [_begin(incident, now) for incident in present.values()]
    return replace(memory, stories=tuple(_bounded([*stories, *begun])))


def due(memory: Memory, channel: str, now: datetime) -> list[Message]:
    """What a channel has to be told now, oldest incident first."""
    found = []
    for story in sorted(memory.stories, key=lambda story: (story.since, story.id)):
        heard = story.heard.get(channel)
        if story.ended and story.kind is not Kind.REFUSED:
            if heard is None or not heard.over:
                found.append(_message(What.RECOVERED, story, story.things, story.ended))
        elif heard is None:
            found.append(_message(What.OPENED, story, story.things, now))
        elif (joined := sorted(set(story.things) - heard.things)) and now - heard.at >= WIDENED_AFTER:
            found.append(_message(What.WIDENED, story, joined, now))
    return found


def delivered(memory: Memory, message: Message, channel: str, now: datetime) -> Memory:
    """What is known after a channel took a message."""
    stories = (story.told(channel, now) if story.id == message.incident else story for story in memory.stories)
    return replace(memory, stories=tuple(stories))


def forget(memory: Memory, channels: Collection[str]) -> Memory:
    """Without what no channel has to be told any more, and without channels that are gone."""
    stories = []
    for story in memory.stories:
        heard = {name: each for name, each in story.heard.items() if name in channels}
        if not story.ended or not all(name in heard and heard[name].over for name in channels):
            stories.append(replace(story, heard=heard))
    pauses = {name: pause for name, pause in memory.pauses.items() if name in channels}
    return replace(memory, stories=tuple(stories), pauses=pauses)


def _begin(incident: Incident, now: datetime) -> Story:
    name = hashlib.sha256(f"{incident.key} {now.isoformat()}".encode()).hexdigest()[:16]
    return Story(
        id=name,
        key=incident.key,
        kind=incident.kind,
        cause=incident.cause,
        link=incident.link,
        since=incident.since,
        things=incident.things,
        marks=incident.marks or incident.things,
    )


def _ever(story: Story) -> list[str]:
    """Everything that an incident struck, as far as anybody was told, or is struck now."""
    told = frozenset[str]().union(*(heard.things for heard in story.heard.values()))
    return sorted(told | set(story.things))[:MOST_THINGS]


def _well(story: Story, red: Collection[str]) -> tuple[str, ...]:
    """What an incident struck and of which none of its days and checks is red any more."""
    still = {mark.partition(MARK)[0] for mark in (story.marks or story.things) if mark in red}
    return tuple(thing for thing in _ever(story) if thing not in still)


def _bounded(stories: list[Story]) -> Iterable[Story]:
    """Not more than are remembered; an open one is never let go, or it would be told as new."""
    spare = max(0, len(stories) - MOST_STORIES)
    ended = sorted((story for story in stories if story.ended), key=lambda story: story.since)
    gone = {story.id for story in ended[:spare]}
    return [story for story in stories if story.id not in gone][:MOST_STORIES]


def _message(what: What, story: Story, things: Sequence[str], until: datetime) -> Message:
    return Message(
        what=what,
        incident=story.id,
        kind=story.kind,
        cause=story.cause,
        things=tuple(things),
        link=story.link,
        since=story.since,
        until=until,
    )
