"""Freshness that knows partitions: is the newest day that is due captured, for every raw table.

Dagster's own FreshnessPolicy is satisfied by any partition, so loading January makes November look fresh; this asks
the lake for the newest observed day.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import dagster as dg

from refera_platform.clock import Clock
from refera_platform.engine import scratch, session
from refera_platform.lake.lake import Lake
from refera_platform.orchestration import keys
from refera_platform.source.table import SourceTable
from refera_platform.stage import Stage

FRESH = "newest_due_day_is_captured"


def due_day(table: SourceTable, clock: Clock) -> date:
    """The newest day of a table that must have been captured by now."""
    local = clock.now().astimezone(ZoneInfo(clock.time_zone)) - table.due
    return local.date() - timedelta(days=1)


def build_freshness_check(tables: Sequence[SourceTable]) -> dg.AssetChecksDefinition:
    """One check for each raw table."""

    @dg.multi_asset_check(
        name="freshness",
        specs=[
            dg.AssetCheckSpec(
                FRESH,
                asset=keys.raw(table),
                description=f"Each day is captured {table.due} after it ended, or sooner.",
            )
            for table in tables
        ],
        can_subset=True,
    )
    def freshness(
        context: dg.AssetCheckExecutionContext, stage: dg.ResourceParam[Stage]
    ) -> Iterator[dg.AssetCheckResult]:
        lake = Lake(stage)
        with scratch(stage) as folder, session(stage, folder) as connection:
            for table in tables:
                if dg.AssetCheckKey(keys.raw(table), FRESH) in context.selected_asset_check_keys:
                    days = lake.days(table, connection)
                    seen = [day for day, item in days.items() if item.state.is_observed]
                    yield freshness_of(table, max(seen, default=None), stage.clock)

    return freshness


def freshness_of(table: SourceTable, newest: date | None, clock: Clock) -> dg.AssetCheckResult:
    """Whether the newest observed day of a table is the one that is due, or later."""
    due = due_day(table, clock)
    passed = newest is not None and newest >= due
    found = f"the newest captured day is {newest}" if newest else "no day has been captured"
    return dg.AssetCheckResult(
        asset_key=keys.raw(table),
        check_name=FRESH,
        passed=passed,
        description=f"{table.address}: day {due} was due, and {found}.",
        metadata={"due": str(due), "newest": str(newest)},
    )
