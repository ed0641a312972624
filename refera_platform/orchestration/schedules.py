"""Jobs and schedules: the daily job that closes yesterday, and the hourly job of the freshness checks."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import dagster as dg

from refera_platform.duckdb_session.scratch import scratch_folder
from refera_platform.duckdb_session.session import open_duckdb_session
from refera_platform.errors import ReferaError
from refera_platform.lake.days import CatchUp, days_between, plan_catch_up
from refera_platform.lake.lake import Lake
from refera_platform.orchestration import keys
from refera_platform.orchestration.checks.fixed_keys import FIXED_KEYS_CHECK
from refera_platform.orchestration.checks.hourly import (
    LOG_RETENTION_CHECK,
    MISSING_DAYS_CHECK,
    NEWEST_DAY_CHECK,
    change_stream_tables,
)
from refera_platform.orchestration.partitions import partition_run_request
from refera_platform.orchestration.run_history.failed_days import NO_FAILED_DAY_CHECK
from refera_platform.orchestration.run_history.retry_candidates import DAILY_JOB
from refera_platform.settings.stage import Stage
from refera_platform.source.table import SourceTable

DAILY_CRON = "30 0 * * *"
HOURLY_CRON = "15 * * * *"


def daily_job() -> "dg.UnresolvedAssetJobDefinition":
    """Job from the sources to the answers, for one day or for a range of days in one run."""
    return dg.define_asset_job(
        DAILY_JOB,
        selection=dg.AssetSelection.all(),
        executor_def=dg.in_process_executor,
        description="Extract a day into the lake, build and audit the warehouse, publish the answers and the report.",
    )


def freshness_job(tables: Sequence[SourceTable]) -> "dg.UnresolvedAssetJobDefinition":
    """Job of the checks that can fail as time passes: freshness, missing and failed days, log retention, fixed keys."""
    checks = [
        dg.AssetCheckKey(keys.raw_table_key(table), name)
        for table in tables
        for name in (NEWEST_DAY_CHECK, MISSING_DAYS_CHECK, NO_FAILED_DAY_CHECK)
    ]
    checks += [
        dg.AssetCheckKey(keys.raw_table_key(table), LOG_RETENTION_CHECK) for table in change_stream_tables(tables)
    ]
    checks.append(dg.AssetCheckKey(keys.REPORT_KEY, FIXED_KEYS_CHECK))
    return dg.define_asset_job(
        "look_for_overdue_days",
        selection=dg.AssetSelection.checks(*checks),
        executor_def=dg.in_process_executor,
    )


def daily_schedule(
    stage: Stage, tables: Sequence[SourceTable], job: "dg.UnresolvedAssetJobDefinition"
) -> dg.ScheduleDefinition:
    """Schedule that closes yesterday half an hour after midnight in the stage's time zone; running by default."""

    @dg.schedule(
        name="close_yesterday",
        job=job,
        cron_schedule=DAILY_CRON,
        execution_timezone=stage.clock.time_zone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=(
            "Materializes yesterday's partition and everything below it; after a downtime all days since the last"
            " captured one, oldest first, in one run."
        ),
    )
    def close_yesterday(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
        yesterday = (context.scheduled_execution_time - timedelta(days=1)).date()
        newest = replace(stage.clock, at_least=None).newest_full_day()
        if newest > yesterday:  # after a downtime Dagster ticks once for each missed night
            return dg.SkipReason(f"The night after {newest} includes this day as well.")
        last = max(yesterday, stage.clock.newest_full_day())
        try:
            with scratch_folder(stage) as folder, open_duckdb_session(stage, folder) as connection:
                lake = Lake(stage)
                newest_states = {table: lake.newest_state(table, connection) for table in tables}
                pending = plan_catch_up(newest_states, last, {table: lake.first_day(table) for table in tables})
        except ReferaError as error:
            context.log.warning(f"The days in the lake could not be read: {error}")  # the run reports it
            pending = CatchUp(days=(last,))
        return _catch_up_requests(pending, context.repository_def)

    return close_yesterday


def _catch_up_requests(pending: CatchUp, repository: "dg.RepositoryDefinition | None") -> list[dg.RunRequest]:
    """One run for all pending days; before it a run for new tables, which have no earlier days to ingest."""
    first, last = pending.days[0], pending.days[-1]
    excluded_keys = {
        keys.raw_table_key(table)
        for table in (*pending.done_tables, *pending.first_days, *(pending.new_tables if first < last else ()))
    }
    graph = repository.asset_graph if repository else None
    remaining_keys = [key for key in graph.materializable_asset_keys if key not in excluded_keys] if graph else None
    requests = []
    if first < last and pending.new_tables:
        requests.append(
            dg.RunRequest(
                run_key=f"{last} of new tables",
                partition_key=f"{last}",
                asset_selection=[keys.raw_table_key(table) for table in pending.new_tables],
                tags={"dagster/priority": "1"},
            )
        )
    for first_day in sorted(set(pending.first_days.values())):
        requests.append(
            partition_run_request(
                days_between(first_day, last),
                run_key=f"{last} of tables since {first_day}",
                tags={"dagster/priority": "1"},
                asset_selection=[
                    keys.raw_table_key(table) for table, day in pending.first_days.items() if day == first_day
                ],
            )
        )
    requests.append(partition_run_request(pending.days, asset_selection=remaining_keys if excluded_keys else None))
    return requests


def freshness_schedule(job: "dg.UnresolvedAssetJobDefinition") -> dg.ScheduleDefinition:
    """Schedule that runs the hourly checks; running by default."""
    return dg.ScheduleDefinition(
        name="look_for_overdue_days_hourly",
        job=job,
        cron_schedule=HOURLY_CRON,
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
