"""Hourly asset check of failed days: a day that failed stays red until it is ingested, however old it is.

Without it, by the next morning a failed run is one line in a long list, and its retries may be used up.
``retry_candidates`` finds the failed runs.
"""

from collections.abc import Iterator, Sequence

import dagster as dg

from refera_platform.orchestration import keys
from refera_platform.orchestration.run_history.retry_candidates import RetryCandidate, retry_candidates
from refera_platform.source.table import SourceTable

NO_FAILED_DAY_CHECK = "no_day_has_failed"
MAX_RUNS_SHOWN = 5
"""Failed runs named in one result."""


def build_failed_days_check(tables: Sequence[SourceTable]) -> dg.AssetChecksDefinition:
    """One check for each raw table."""

    @dg.multi_asset_check(
        name="failed_days",
        specs=[
            dg.AssetCheckSpec(
                NO_FAILED_DAY_CHECK,
                asset=keys.raw_table_key(table),
                description="Every day that a run failed to capture was captured since.",
            )
            for table in tables
        ],
        can_subset=True,
    )
    def failed_days(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        table_keys = {keys.raw_table_key(table) for table in tables}
        candidates = list(retry_candidates(context.instance, table_keys))
        for table in tables:
            if dg.AssetCheckKey(keys.raw_table_key(table), NO_FAILED_DAY_CHECK) in context.selected_asset_check_keys:
                yield failed_days_result(
                    table, [one for one in candidates if keys.raw_table_key(table) in one.missing_assets]
                )

    return failed_days


def failed_days_result(table: SourceTable, candidates: Sequence[RetryCandidate]) -> dg.AssetCheckResult:
    """Result of the check for one table.

    Args:
        table: The table.
        candidates: Failed runs that did not ingest it, newest first.
    """
    days = sorted({day for one in candidates for day in one.days})
    causes = "; ".join(f"run {one.run_id[:8]}: {one.cause}" for one in candidates[:MAX_RUNS_SHOWN])
    span = f"{days[0]} to {days[-1]}" if len(days) > 1 else "".join(map(str, days))
    return dg.AssetCheckResult(
        asset_key=keys.raw_table_key(table),
        check_name=NO_FAILED_DAY_CHECK,
        passed=not candidates,
        description=f"{table.address}: day {span} failed and was not captured since ({causes})."
        if candidates
        else None,
        metadata={
            "failed_days": ", ".join(map(str, days)),
            "failed_runs": len(candidates),
            "tries": max((one.attempts for one in candidates), default=0),
        },
    )
