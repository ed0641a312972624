"""Hourly asset checks of the raw tables: freshness of the newest due day, missing days, and log retention.

Dagster's own FreshnessPolicy is satisfied by any partition, so loading January makes November look fresh. These checks
ask the lake for the newest observed day instead. Changes are lost for good when the server purges a binlog that was
not read yet, so the retention check warns a day before. ``checks.ingest`` has the checks of each ingest run.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import dagster as dg

from refera_platform.clock import Clock
from refera_platform.duckdb_session.scratch import scratch_folder
from refera_platform.duckdb_session.session import open_duckdb_session
from refera_platform.lake.days import due_day
from refera_platform.lake.lake import Lake
from refera_platform.lake.missing_days import MissingDays, day_spans, find_missing_days
from refera_platform.orchestration import keys
from refera_platform.orchestration.run_history.failed_steps import FOR_ALERTS_KEY
from refera_platform.runners.examination import log_retention_by_table
from refera_platform.settings.stage import Stage
from refera_platform.source.doctor.binlog import MIN_RETENTION_LEFT
from refera_platform.source.table import SourceTable, Strategy

NEWEST_DAY_CHECK = "newest_due_day_is_captured"
MISSING_DAYS_CHECK = "no_day_is_missing"
LOG_RETENTION_CHECK = "log_is_kept_until_it_is_read"
NO_METADATA: Mapping[str, Any] = {}


def build_freshness_check(tables: Sequence[SourceTable]) -> dg.AssetChecksDefinition:
    """Two checks for each raw table: its newest due day was ingested, and no day before it is missing."""

    @dg.multi_asset_check(
        name="freshness",
        specs=[spec for table in tables for spec in _freshness_check_specs(table)],
        can_subset=True,
    )
    def freshness(
        context: dg.AssetCheckExecutionContext, stage: dg.ResourceParam[Stage]
    ) -> Iterator[dg.AssetCheckResult]:
        lake = Lake(stage)
        with scratch_folder(stage) as folder, open_duckdb_session(stage, folder) as connection:
            for table in tables:
                requested = {
                    key.name for key in context.selected_asset_check_keys if key.asset_key == keys.raw_table_key(table)
                }
                if not requested:
                    continue
                states = {day: item.state for day, item in lake.days(table, connection).items()}
                if NEWEST_DAY_CHECK in requested:
                    observed_days = [day for day, state in states.items() if state.is_observed]
                    yield freshness_result(table, max(observed_days, default=None), stage.clock)
                if MISSING_DAYS_CHECK in requested:
                    yield missing_days_result(table, find_missing_days(table, states, stage.clock))

    return freshness


def _freshness_check_specs(table: SourceTable) -> list[dg.AssetCheckSpec]:
    newest_day_description = f"Each day is captured {table.due} after it ended, or sooner."
    missing_days_description = "Every day from the first captured one to the one that is due has its object."
    return [
        dg.AssetCheckSpec(NEWEST_DAY_CHECK, asset=keys.raw_table_key(table), description=newest_day_description),
        dg.AssetCheckSpec(MISSING_DAYS_CHECK, asset=keys.raw_table_key(table), description=missing_days_description),
    ]


def missing_days_result(table: SourceTable, missing_days: MissingDays) -> dg.AssetCheckResult:
    """Result of the missing-days check; days that were closed unseen are reported and do not fail it."""
    description = f"{table.address} has every day from its first one on."
    if missing_days.missing_days:
        description = f"{table.address} has no object of {day_spans(missing_days.missing_days)}: {missing_days.remedy}."
    if missing_days.unseen_days:
        description += (
            f" No run observed {day_spans(missing_days.unseen_days)}: what changed then is in the next observed day."
        )
    if missing_days.unknown_periods:
        description += (
            f" {table.address} is not known between {', or between '.join(missing_days.unknown_periods)}: the"
            " binlog of that time was missing or could not be read, and the table was read as a whole."
        )
    return dg.AssetCheckResult(
        asset_key=keys.raw_table_key(table),
        check_name=MISSING_DAYS_CHECK,
        passed=not missing_days.missing_days,
        description=description,
        metadata={
            "missing": day_spans(missing_days.missing_days),
            "unseen": day_spans(missing_days.unseen_days),
            "not_known": ", ".join(missing_days.unknown_periods),
        },
    )


def freshness_result(table: SourceTable, newest: date | None, clock: Clock) -> dg.AssetCheckResult:
    """Result of the freshness check: the newest observed day is the due day or a later one."""
    due = due_day(table, clock)
    passed = newest is not None and newest >= due
    newest_description = f"the newest captured day is {newest}" if newest else "no day has been captured"
    return dg.AssetCheckResult(
        asset_key=keys.raw_table_key(table),
        check_name=NEWEST_DAY_CHECK,
        passed=passed,
        description=f"{table.address}: day {due} was due, and {newest_description}.",
        metadata={"due": str(due), "newest": str(newest)},
    )


def change_stream_tables(tables: Sequence[SourceTable]) -> list[SourceTable]:
    """Tables that are read from the change stream."""
    return [table for table in tables if table.strategy is Strategy.LOG]


def build_log_retention_check(database: str, tables: Sequence[SourceTable]) -> dg.AssetChecksDefinition:
    """Check of how long the server keeps the binlog position from which each table continues.

    Args:
        database: Our name of the database.
        tables: Those of its tables that are read from the change stream.
    """

    @dg.multi_asset_check(
        name=f"log_of_{database}",
        specs=[
            dg.AssetCheckSpec(
                LOG_RETENTION_CHECK,
                asset=keys.raw_table_key(table),
                description="The server keeps its binlog for at least a day longer than the next run needs.",
            )
            for table in tables
        ],
        can_subset=True,
        pool=keys.source_pool(database),
    )
    def log_retention(
        context: dg.AssetCheckExecutionContext, stage: dg.ResourceParam[Stage]
    ) -> Iterator[dg.AssetCheckResult]:
        selected_tables = [
            table
            for table in tables
            if dg.AssetCheckKey(keys.raw_table_key(table), LOG_RETENTION_CHECK) in context.selected_asset_check_keys
        ]
        retention_by_table = log_retention_by_table(stage, database, selected_tables)
        for table in selected_tables:
            retention = retention_by_table[table.address]
            if retention.error:
                alert_metadata = {FOR_ALERTS_KEY: retention.error.public_message}
                yield _log_retention_check_result(table, str(retention.error), passed=False, metadata=alert_metadata)
            else:
                yield log_retention_result(table, retention.remaining, has_been_read=retention.has_read_log)

    return log_retention


def log_retention_result(
    table: SourceTable, remaining: timedelta | None, *, has_been_read: bool
) -> dg.AssetCheckResult:
    """Result of the retention check: it passes when the position is kept for another day; ``None`` means for ever."""
    if remaining is None:
        description = (
            "The server keeps its binlog until somebody purges it."
            if has_been_read
            else "Nothing was read from the binlog yet."
        )
        return _log_retention_check_result(table, description, passed=True)
    hours = remaining.total_seconds() / 3600
    passed = remaining >= MIN_RETENTION_LEFT
    remedy = "" if passed else ": run `refera run` now, and let the server keep its binlog longer"
    description = (
        f"{table.address} continues from a binlog position that is kept for at least {hours:.0f} hours more{remedy}."
    )
    return _log_retention_check_result(
        table, description, passed=passed, hours=hours, metadata={"hours_until_purged": round(hours, 1)}
    )


def _log_retention_check_result(
    table: SourceTable,
    description: str,
    *,
    passed: bool,
    hours: float | None = None,
    metadata: Mapping[str, Any] = NO_METADATA,
) -> dg.AssetCheckResult:
    """A warning for less than a day left; an error when ``hours`` is ``None``: the position is purged or unreadable."""
    return dg.AssetCheckResult(
        asset_key=keys.raw_table_key(table),
        check_name=LOG_RETENTION_CHECK,
        passed=passed,
        severity=dg.AssetCheckSeverity.ERROR if hours is None else dg.AssetCheckSeverity.WARN,
        description=description,
        metadata=metadata,
    )
