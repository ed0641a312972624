"""A standing check of every raw table: a day that failed stays red until it was captured, however old it is.

A run that failed is one line in a long list by the next morning, and its retries may have given up.
"""

from collections.abc import Iterator, Sequence

import dagster as dg

from refera_platform.orchestration import keys
from refera_platform.orchestration.run_history.retry_candidates import Unfinished, unfinished
from refera_platform.source.table import SourceTable

NO_FAILURE = "no_day_has_failed"
MOST_TOLD = 5
"""Failed runs named in one result."""


def build_failed_days_check(tables: Sequence[SourceTable]) -> dg.AssetChecksDefinition:
    """One check for each raw table."""

    @dg.multi_asset_check(
        name="failed_days",
        specs=[
            dg.AssetCheckSpec(
                NO_FAILURE,
                asset=keys.raw(table),
                description="Every day that a run failed to capture was captured since.",
            )
            for table in tables
        ],
        can_subset=True,
    )
    def failed_days(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        known = {keys.raw(table) for table in tables}
        found = list(unfinished(context.instance, known))
        for table in tables:
            if dg.AssetCheckKey(keys.raw(table), NO_FAILURE) in context.selected_asset_check_keys:
                yield failed_days_of(table, [one for one in found if keys.raw(table) in one.assets])

    return failed_days


def failed_days_of(table: SourceTable, failed: Sequence[Unfinished]) -> dg.AssetCheckResult:
    """The result for one table.

    Args:
        table: Which.
        failed: The failed runs in which it was not captured, the newest first.
    """
    days = sorted({day for one in failed for day in one.days})
    told = "; ".join(f"run {one.run_id[:8]}: {one.cause}" for one in failed[:MOST_TOLD])
    span = f"{days[0]} to {days[-1]}" if len(days) > 1 else "".join(map(str, days))
    return dg.AssetCheckResult(
        asset_key=keys.raw(table),
        check_name=NO_FAILURE,
        passed=not failed,
        description=f"{table.address}: day {span} failed and was not captured since ({told})." if failed else None,
        metadata={
            "failed_days": ", ".join(map(str, days)),
            "failed_runs": len(failed),
            "tries": max((one.tries for one in failed), default=0),
        },
    )
