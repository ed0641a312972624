"""What is looked at every hour, for every raw table: is the newest due day there, and all before; will its log be kept.

Dagster's own FreshnessPolicy is satisfied by any partition, so loading January makes November look fresh; this asks
the lake for the newest observed day. A log that is purged before it was read loses changes for ever, so its end is
told while there is time.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import dagster as dg

from refera_platform.clock import Clock
from refera_platform.duckdb_session.scratch import scratch
from refera_platform.duckdb_session.session import session
from refera_platform.lake.days import due_day
from refera_platform.lake.lake import Lake
from refera_platform.lake.missing_days import Gaps, gaps_of, spans
from refera_platform.orchestration import keys
from refera_platform.orchestration.run_history.failed_steps import FOR_ALERTS
from refera_platform.runners.examination import runways_of
from refera_platform.settings.stage import Stage
from refera_platform.source.doctor.binlog import SOON
from refera_platform.source.table import SourceTable, Strategy

FRESH = "newest_due_day_is_captured"
WHOLE = "no_day_is_missing"
KEPT = "log_is_kept_until_it_is_read"
NOTHING_MORE: Mapping[str, Any] = {}


def build_freshness_check(tables: Sequence[SourceTable]) -> dg.AssetChecksDefinition:
    """Two checks for each raw table: the newest due day, and the days before it."""

    @dg.multi_asset_check(
        name="freshness",
        specs=[spec for table in tables for spec in _specs(table)],
        can_subset=True,
    )
    def freshness(
        context: dg.AssetCheckExecutionContext, stage: dg.ResourceParam[Stage]
    ) -> Iterator[dg.AssetCheckResult]:
        lake = Lake(stage)
        with scratch(stage) as folder, session(stage, folder) as connection:
            for table in tables:
                wanted = {key.name for key in context.selected_asset_check_keys if key.asset_key == keys.raw(table)}
                if not wanted:
                    continue
                known = {day: item.state for day, item in lake.days(table, connection).items()}
                if FRESH in wanted:
                    seen = [day for day, state in known.items() if state.is_observed]
                    yield freshness_of(table, max(seen, default=None), stage.clock)
                if WHOLE in wanted:
                    yield whole_of(table, gaps_of(table, known, stage.clock))

    return freshness


def _specs(table: SourceTable) -> list[dg.AssetCheckSpec]:
    fresh = f"Each day is captured {table.due} after it ended, or sooner."
    whole = "Every day from the first captured one to the one that is due has its object."
    return [
        dg.AssetCheckSpec(FRESH, asset=keys.raw(table), description=fresh),
        dg.AssetCheckSpec(WHOLE, asset=keys.raw(table), description=whole),
    ]


def whole_of(table: SourceTable, gaps: Gaps) -> dg.AssetCheckResult:
    """Whether no day of a table is missing; days that were closed unseen are told, and are no error."""
    told = f"{table.address} has every day from its first one on."
    if gaps.missing:
        told = f"{table.address} has no object of {spans(gaps.missing)}: {gaps.remedy}."
    if gaps.unseen:
        told += f" Nobody looked at {spans(gaps.unseen)}: what changed then is in the next observed day."
    if gaps.unknown:
        told += (
            f" {table.address} is not known between {', or between '.join(gaps.unknown)}: the log of then was gone or"
            " could not be read, and the table was read anew."
        )
    return dg.AssetCheckResult(
        asset_key=keys.raw(table),
        check_name=WHOLE,
        passed=not gaps.missing,
        description=told,
        metadata={
            "missing": spans(gaps.missing),
            "unseen": spans(gaps.unseen),
            "not_known": ", ".join(gaps.unknown),
        },
    )


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


def logged(tables: Sequence[SourceTable]) -> list[SourceTable]:
    """The tables that are read from the log."""
    return [table for table in tables if table.strategy is Strategy.LOG]


def build_log_check(database: str, tables: Sequence[SourceTable]) -> dg.AssetChecksDefinition:
    """How long the log of a database still has the place where each of its tables goes on.

    Args:
        database: Our name of the database.
        tables: Those of its tables that are read from the log.
    """

    @dg.multi_asset_check(
        name=f"log_of_{database}",
        specs=[
            dg.AssetCheckSpec(
                KEPT,
                asset=keys.raw(table),
                description="The server keeps its log for a day more than the next run needs, or longer.",
            )
            for table in tables
        ],
        can_subset=True,
        pool=f"source_{database}",
    )
    def log_is_kept(
        context: dg.AssetCheckExecutionContext, stage: dg.ResourceParam[Stage]
    ) -> Iterator[dg.AssetCheckResult]:
        wanted = [
            table for table in tables if dg.AssetCheckKey(keys.raw(table), KEPT) in context.selected_asset_check_keys
        ]
        found = runways_of(stage, database, wanted)
        for table in wanted:
            runway = found[table.address]
            if runway.trouble:
                public = {FOR_ALERTS: runway.trouble.for_alerts}
                yield _kept(table, str(runway.trouble), passed=False, metadata=public)
            else:
                yield kept_result(table, runway.left, was_read=runway.was_read)

    return log_is_kept


def kept_result(table: SourceTable, left: timedelta | None, *, was_read: bool) -> dg.AssetCheckResult:
    """Whether the place of a table is kept for a day more, at least; ``None`` is for ever."""
    if left is None:
        told = "The server keeps its log until somebody purges it." if was_read else "Nothing was read of the log yet."
        return _kept(table, told, passed=True)
    hours = left.total_seconds() / 3600
    passed = left >= SOON
    remedy = "" if passed else ": run `refera run` now, and let the server keep its log longer"
    told = f"{table.address} goes on from a place in the log that is kept for {hours:.0f} hours more at least{remedy}."
    return _kept(table, told, passed=passed, hours=hours, metadata={"hours_until_purged": round(hours, 1)})


def _kept(
    table: SourceTable,
    told: str,
    *,
    passed: bool,
    hours: float | None = None,
    metadata: Mapping[str, Any] = NOTHING_MORE,
) -> dg.AssetCheckResult:
    """Less than a day is a warning; a place that is gone is an error."""
    return dg.AssetCheckResult(
        asset_key=keys.raw(table),
        check_name=KEPT,
        passed=passed,
        severity=dg.AssetCheckSeverity.ERROR if hours is None else dg.AssetCheckSeverity.WARN,
        description=told,
        metadata=metadata,
    )
