"""What runs when: the daily job that closes yesterday, and the hourly look at freshness."""

from datetime import timedelta

import dagster as dg

from refera_platform.orchestration import keys
from refera_platform.orchestration.checks import FRESH, KEPT, WHOLE, logged
from refera_platform.source.catalog import TABLES
from refera_platform.stage import Stage

DAILY = "daily"
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
    """Only the checks of freshness, of missing days and of the log."""
    checks = [dg.AssetCheckKey(keys.raw(table), name) for table in TABLES for name in (FRESH, WHOLE)]
    checks += [dg.AssetCheckKey(keys.raw(table), KEPT) for table in logged(TABLES)]
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
        description="Materializes yesterday's partition and everything below it.",
    )
    def close_yesterday(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        yesterday = (context.scheduled_execution_time - timedelta(days=1)).date()
        return dg.RunRequest(run_key=f"{yesterday}", partition_key=f"{yesterday}")

    return close_yesterday


def freshness_schedule(job: "dg.UnresolvedAssetJobDefinition") -> dg.ScheduleDefinition:
    """Looks every hour whether a day is overdue, or a log about to go; on by default."""
    return dg.ScheduleDefinition(
        name="look_for_overdue_days_hourly",
        job=job,
        cron_schedule=HOURLY,
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
