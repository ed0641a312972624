"""What runs when: the daily job that closes yesterday, and the hourly look at freshness."""

from dataclasses import replace
from datetime import timedelta

import dagster as dg

from refera_platform.duckdb_session.scratch import scratch
from refera_platform.duckdb_session.session import session
from refera_platform.errors import ReferaError
from refera_platform.lake.days import CatchUp, catch_up, days_between
from refera_platform.lake.lake import Lake
from refera_platform.orchestration import keys
from refera_platform.orchestration.checks.fixed_keys import SERVED
from refera_platform.orchestration.checks.standing import FRESH, KEPT, WHOLE, logged
from refera_platform.orchestration.partitions import days_request
from refera_platform.orchestration.run_history.failed_days import NO_FAILURE
from refera_platform.orchestration.run_history.retry_candidates import DAILY
from refera_platform.settings.stage import Stage
from refera_platform.source.catalog import TABLES

HALF_PAST_MIDNIGHT = "30 0 * * *"
HOURLY = "15 * * * *"


def daily_job() -> "dg.UnresolvedAssetJobDefinition":
    """Everything from the sources to the answers, for one day (or one range of days in one pass)."""
    return dg.define_asset_job(
        DAILY,
        selection=dg.AssetSelection.all(),
        executor_def=dg.in_process_executor,
        description="Extract a day into the lake, build and audit the warehouse, publish the answers and the report.",
    )


def freshness_job() -> "dg.UnresolvedAssetJobDefinition":
    """The checks that time alone can turn red: of freshness, missing and failed days, the log, and late copies."""
    checks = [dg.AssetCheckKey(keys.raw(table), name) for table in TABLES for name in (FRESH, WHOLE, NO_FAILURE)]
    checks += [dg.AssetCheckKey(keys.raw(table), KEPT) for table in logged(TABLES)]
    checks.append(dg.AssetCheckKey(keys.REPORT, SERVED))
    return dg.define_asset_job(
        "look_for_overdue_days",
        selection=dg.AssetSelection.checks(*checks),
        executor_def=dg.in_process_executor,
    )


def daily_schedule(stage: Stage, job: "dg.UnresolvedAssetJobDefinition") -> dg.ScheduleDefinition:
    """Closes yesterday, half an hour after it ended in the stage's time zone; on by default."""

    @dg.schedule(
        name="close_yesterday",
        job=job,
        cron_schedule=HALF_PAST_MIDNIGHT,
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
        if newest > yesterday:  # after a downtime Dagster ticks for each night it missed
            return dg.SkipReason(f"The night after {newest} asks for this day as well.")
        last = max(yesterday, stage.clock.newest_full_day())
        try:
            with scratch(stage) as folder, session(stage, folder) as connection:
                lake = Lake(stage)
                newest_states = {table: lake.newest(table, connection) for table in TABLES}
                todo = catch_up(newest_states, last, {table: lake.first_day(table) for table in TABLES})
        except ReferaError as trouble:
            context.log.warning(f"The lake does not say which days it has: {trouble}")  # so will the run, in red
            todo = CatchUp(days=(last,))
        return _requests(todo, context.repository_def)

    return close_yesterday


def _requests(todo: CatchUp, repository: "dg.RepositoryDefinition | None") -> list[dg.RunRequest]:
    """One run for all days; tables that begin within them come before it, since they have no past to be captured."""
    first, last = todo.days[0], todo.days[-1]
    left_out = {keys.raw(table) for table in (*todo.done, *todo.later, *(todo.new if first < last else ()))}
    graph = repository.asset_graph if repository else None
    others = [key for key in graph.materializable_asset_keys if key not in left_out] if graph else None
    requests = []
    if first < last and todo.new:
        requests.append(
            dg.RunRequest(
                run_key=f"{last} of new tables",
                partition_key=f"{last}",
                asset_selection=[keys.raw(table) for table in todo.new],
                tags={"dagster/priority": "1"},
            )
        )
    for begin in sorted(set(todo.later.values())):
        requests.append(
            days_request(
                days_between(begin, last),
                run_key=f"{last} of tables since {begin}",
                tags={"dagster/priority": "1"},
                asset_selection=[keys.raw(table) for table, day in todo.later.items() if day == begin],
            )
        )
    requests.append(days_request(todo.days, asset_selection=others if left_out else None))
    return requests


def freshness_schedule(job: "dg.UnresolvedAssetJobDefinition") -> dg.ScheduleDefinition:
    """Looks every hour whether a day is overdue, or a log about to go; on by default."""
    return dg.ScheduleDefinition(
        name="look_for_overdue_days_hourly",
        job=job,
        cron_schedule=HOURLY,
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
