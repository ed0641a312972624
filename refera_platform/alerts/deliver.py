"""Delivery of due messages to channels; a channel that fails stops no other one.

A message is delivered when its channel accepted it. Until then it stays due, with growing intervals between attempts.
``tracking`` decides what is due; ``send`` has the channels.
"""

import time
from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from refera_platform.alerts.send import Channel
from refera_platform.alerts.state import AlertState, ChannelBackoff
from refera_platform.alerts.tracking import due_messages, prune_incidents, record_delivery
from refera_platform.errors import AlertError

MIN_BACKOFF, MAX_BACKOFF = timedelta(seconds=30), timedelta(minutes=10)
MAX_MESSAGES_PER_DELIVERY = 10
"""Most messages to one channel at one evaluation; the others follow at the next one."""
DELIVERY_TIMEOUT_SECONDS = 25.0
"""After this time no message is begun: Dagster stops a sensor after a minute, and the new state would be lost."""


def deliver_messages(state: AlertState, channels: Sequence[Channel], now: datetime) -> tuple[AlertState, list[str]]:
    """Send every channel its due messages.

    Returns:
        The new state, and one sentence for each channel that failed or had a remark.
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
                    break  # the next one would fail too; after a permanent error it may succeed, so the loop goes on
            else:
                state = record_delivery(state, message, channel.name, now)
                delivery_errors += [f"{channel.name}: {remark}."] if remark else []
        if channel_error:
            delivery_errors.append(f"{channel.name}: {channel_error}")
        state = _with_backoff(state, channel.name, now if channel_error else None)
    return prune_incidents(state, [channel.name for channel in channels]), delivery_errors


def _with_backoff(state: AlertState, channel: str, failed_at: datetime | None) -> AlertState:
    """Double the backoff of a channel after a failure; remove it after a success."""
    backoffs = dict(state.backoffs)
    previous = backoffs.pop(channel, None)
    if failed_at:
        failures = previous.failures + 1 if previous else 1
        delay = min(MIN_BACKOFF * 2 ** min(failures - 1, 10), MAX_BACKOFF)
        backoffs[channel] = ChannelBackoff(failures=failures, until=failed_at + delay)
    return replace(state, backoffs=backoffs)
