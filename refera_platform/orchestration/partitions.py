"""Daily partitions of the raw assets: one for each day in the stage's time zone, today included.

Also converts days to the partition tags of a run, and back.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import dagster as dg

from refera_platform.clock import Clock
from refera_platform.lake.days import days_between
from refera_platform.settings.stage import Stage

RANGE_START_TAG, RANGE_END_TAG = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
PARTITION_TAG = "dagster/partition"
NO_TAGS: Mapping[str, str] = {}
MAX_RANGE_DAYS = 36600
"""Longest accepted range of days; nobody asks for a longer one on purpose."""


def daily_partitions(stage: Stage) -> dg.DailyPartitionsDefinition:
    """Partitions from the stage's first day to today by the stage's clock.

    The clock of a simulated business can be ahead of the machine's; its days have partitions too.
    """
    days_ahead = (stage.clock.today() - Clock(time_zone=stage.clock.time_zone).today()).days
    return dg.DailyPartitionsDefinition(
        start_date=f"{stage.first_day:%Y-%m-%d}", timezone=stage.clock.time_zone, end_offset=1 + max(0, days_ahead)
    )


def partition_tags(first: date, last: date) -> dict[str, str]:
    """Run tags for consecutive days as one run."""
    return {PARTITION_TAG: str(first)} if first == last else {RANGE_START_TAG: str(first), RANGE_END_TAG: str(last)}


def partition_run_request(
    days: Sequence[date], *, run_key: str = "", tags: Mapping[str, str] = NO_TAGS, **options: Any
) -> dg.RunRequest:
    """Run request for consecutive days, oldest first, as one run; without days, for assets without partitions."""
    if not days:
        return dg.RunRequest(run_key=run_key, tags=tags, **options)
    first, last = days[0], days[-1]
    if first == last:
        return dg.RunRequest(run_key=run_key or f"{last}", partition_key=f"{last}", tags=tags, **options)
    range_tags = {**tags, **partition_tags(first, last)}
    return dg.RunRequest(run_key=run_key or f"{first} to {last}", tags=range_tags, **options)


def partition_days(tags: Mapping[str, str]) -> tuple[date, ...]:
    """Days of a run by its tags, oldest first; empty when the tags name no days, or no valid ones."""
    first = tags.get(RANGE_START_TAG) or tags.get(PARTITION_TAG)
    last = tags.get(RANGE_END_TAG) or first
    if not first or not last:
        return ()
    try:
        start, end = date.fromisoformat(first), date.fromisoformat(last)
    except ValueError:  # anybody may launch a run with any tag
        return ()
    return days_between(start, end) if (end - start).days < MAX_RANGE_DAYS else ()
