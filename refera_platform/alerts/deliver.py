"""Carrying messages to channels: each has what it was told remembered by itself, so a dead one stops no other.

A message counts as delivered when its channel took it; until then it is due again, at growing intervals.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from refera_platform.alerts.changes import due_messages, prune_incidents, record_delivery
from refera_platform.alerts.memory import AlertState, ChannelBackoff
from refera_platform.alerts.send import Channel
from refera_platform.errors import AlertError

MIN_BACKOFF, MAX_BACKOFF = timedelta(seconds=30), timedelta(minutes=10)
MAX_MESSAGES_PER_DELIVERY = 10
"""Messages to one channel at one look; the others follow at the next."""
DELIVERY_TIMEOUT_SECONDS = 25.0
"""After so many nothing more is begun: Dagster gives a sensor a minute, and would forget what was delivered."""


def deliver_messages(state: AlertState, channels: Sequence[Channel], now: datetime) -> tuple[AlertState, list[str]]:
    """Tell every channel what is due to it.

    Returns:
        What is known afterwards, and a sentence for each channel that could not be told.
    """
    started, delivery_errors = time.monotonic(), []
    for channel in channels:
        backoff = state.backoffs.get(channel.name)
        pending = due_messages(state, channel.name, now)
        if not pending or (backoff and now < backoff.until):
            continue
        channel_error = None
        for message in pending[:MAX_MESSAGES_PER_DELIVERY]:
            if time.monotonic() - started > DELIVERY_TIMEOUT_SECONDS:
                break
            try:
                remark = channel.send(message)
            except AlertError as failed:
                channel_error = failed
                if failed.is_transient:
                    break  # the others would fail alike; one that is refused for what it says must not stop them
            else:
                state = record_delivery(state, message, channel.name, now)
                delivery_errors += [f"{channel.name}: {remark}."] if remark else []
        if channel_error:
            delivery_errors.append(f"{channel.name}: {channel_error}")
        state = _with_backoff(state, channel.name, now if channel_error else None)
    return prune_incidents(state, [channel.name for channel in channels]), delivery_errors


def _with_backoff(state: AlertState, channel: str, failed_at: datetime | None) -> AlertState:
    """The channel is left alone for twice as long after each failure, and no longer after a success."""
    backoffs = dict(state.backoffs)
    previous = backoffs.pop(channel, None)
    if failed_at:
        failures = previous.failures + 1 if previous else 1
        delay = min(MIN_BACKOFF * 2 ** min(failures - 1, 10), MAX_BACKOFF)
        backoffs[channel] = ChannelBackoff(failures=failures, until=failed_at + delay)
    return replace(state, backoffs=backoffs)
