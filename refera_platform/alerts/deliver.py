"""Carrying messages to channels: each has what it was told remembered by itself, so a dead one stops no other.

A message counts as delivered when its channel took it; until then it is due again, at growing intervals.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from refera_platform.alerts.changes import delivered, due, forget
from refera_platform.alerts.memory import Memory, Pause
from refera_platform.alerts.send import Channel
from refera_platform.errors import AlertError

FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(minutes=10)
MOST_AT_ONCE = 10
"""Messages to one channel at one look; the others follow at the next."""
SECONDS = 25.0
"""After so many nothing more is begun: Dagster gives a sensor a minute, and would forget what was delivered."""


def deliver(memory: Memory, channels: Sequence[Channel], now: datetime) -> tuple[Memory, list[str]]:
    """Tell every channel what is due to it.

    Returns:
        What is known afterwards, and a sentence for each channel that could not be told.
    """
    begun, troubles = time.monotonic(), []
    for channel in channels:
        pause = memory.pauses.get(channel.name)
        waiting = due(memory, channel.name, now)
        if not waiting or (pause and now < pause.until):
            continue
        trouble = None
        for message in waiting[:MOST_AT_ONCE]:
            if time.monotonic() - begun > SECONDS:
                break
            try:
                note = channel.send(message)
            except AlertError as failed:
                trouble = failed
                if failed.passing:
                    break  # the others would fail alike; one that is refused for what it says must not stop them
            else:
                memory = delivered(memory, message, channel.name, now)
                troubles += [f"{channel.name}: {note}."] if note else []
        if trouble:
            troubles.append(f"{channel.name}: {trouble}")
        memory = _paused(memory, channel.name, now if trouble else None)
    return forget(memory, [channel.name for channel in channels]), troubles


def _paused(memory: Memory, channel: str, failed_at: datetime | None) -> Memory:
    """The channel is left alone for twice as long after each failure, and no longer after a success."""
    pauses = dict(memory.pauses)
    before = pauses.pop(channel, None)
    if failed_at:
        failures = before.failures + 1 if before else 1
        wait = min(FIRST_PAUSE * 2 ** min(failures - 1, 10), LONGEST_PAUSE)
        pauses[channel] = Pause(failures=failures, until=failed_at + wait)
    return replace(memory, pauses=pauses)
