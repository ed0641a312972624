"""The front door for Dagster: ``build(stage)`` assembles, and does nothing else.

dagster dev -w workspace.yaml        (or `make ui`, which also starts the local stack)
"""

import dagster as dg

from refera_platform.orchestration.alerts import build_alerts_sensor
from refera_platform.orchestration.assets.dbt_models import build_dbt_assets
from refera_platform.orchestration.assets.raw_tables import build_raw_assets
from refera_platform.orchestration.assets.report import build_report_asset
from refera_platform.orchestration.checks.fixed_keys import build_fixed_keys_check
from refera_platform.orchestration.checks.standing import build_freshness_check, build_log_check, logged
from refera_platform.orchestration.executor import executor
from refera_platform.orchestration.metadata.labels import of_footers
from refera_platform.orchestration.partitions import daily
from refera_platform.orchestration.run_history.failed_days import build_failed_days_check
from refera_platform.orchestration.run_history.retry_sensor import recovery_sensor
from refera_platform.orchestration.run_history.run_process import claiming
from refera_platform.orchestration.schedules import (
    daily_job,
    daily_schedule,
    freshness_job,
    freshness_schedule,
)
from refera_platform.settings.stage import Stage, load
from refera_platform.source.catalog import TABLES


def build(stage: Stage) -> dg.Definitions:
    """The whole code location on one stage; tests build the same house on another."""
    partitions = daily(stage)
    job, freshness = daily_job(), freshness_job()
    databases = dict.fromkeys(table.database for table in TABLES)
    raw = [
        build_raw_assets(
            database,
            [table for table in TABLES if table.database == database],
            partitions,
            stage.databases[database].kind if database in stage.databases else "mysql",
        )
        for database in databases
    ]
    logs = [
        build_log_check(database, found)
        for database in databases
        if (found := logged([table for table in TABLES if table.database == database]))
    ]
    return dg.Definitions(
        assets=[*raw, *of_footers(), build_dbt_assets(stage), build_report_asset()],
        asset_checks=[
            build_freshness_check(TABLES),
            build_failed_days_check(TABLES),
            *logs,
            build_fixed_keys_check(),
        ],
        jobs=[job, freshness],
        schedules=[daily_schedule(stage, job), freshness_schedule(freshness)],
        sensors=[recovery_sensor(job, stage), build_alerts_sensor()],
        resources={"stage": claiming(stage)},
        executor=executor(stage.home),
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What Dagster loads: the house on the stage that the environment names."""
    return build(load())
