"""Dagster code location: ``build(stage, project)`` assembles assets, checks, jobs, schedules, sensors and resources.

Nothing else is in here; ``orchestration`` defines the parts. Importing this module loads neither.

dagster dev -w workspace.yaml        (or `make ui`, which also starts the local stack)
"""

import dagster as dg

from refera_platform.orchestration.alerts import build_alerts_sensor
from refera_platform.orchestration.assets.dbt_models import build_dbt_assets
from refera_platform.orchestration.assets.raw_tables import build_raw_assets
from refera_platform.orchestration.assets.report import build_report_asset
from refera_platform.orchestration.checks.fixed_keys import build_fixed_keys_check
from refera_platform.orchestration.checks.hourly import (
    build_freshness_check,
    build_log_retention_check,
    change_stream_tables,
)
from refera_platform.orchestration.executor import build_executor
from refera_platform.orchestration.metadata.labels import footer_asset_specs
from refera_platform.orchestration.partitions import daily_partitions
from refera_platform.orchestration.run_history.failed_days import build_failed_days_check
from refera_platform.orchestration.run_history.retry_sensor import build_recovery_sensor
from refera_platform.orchestration.run_history.run_process import stage_resource
from refera_platform.orchestration.schedules import (
    daily_job,
    daily_schedule,
    freshness_job,
    freshness_schedule,
)
from refera_platform.project.load import load_project
from refera_platform.project.model import Project
from refera_platform.settings.stage import Stage, load_stage


def build(stage: Stage, project: Project) -> dg.Definitions:
    """Assemble the code location of a project on one stage; tests call it with a stage of their own."""
    partitions, tables = daily_partitions(stage), project.tables
    job, freshness = daily_job(), freshness_job(tables)
    raw = [
        build_raw_assets(
            database,
            project.tables_of(database),
            partitions,
            stage.databases[database].kind if database in stage.databases else "mysql",
        )
        for database in project.databases
    ]
    log_retention_checks = [
        build_log_retention_check(database, stream_tables)
        for database in project.databases
        if (stream_tables := change_stream_tables(project.tables_of(database)))
    ]
    return dg.Definitions(
        assets=[*raw, *footer_asset_specs(tables), build_dbt_assets(stage, tables), build_report_asset(project)],
        asset_checks=[
            build_freshness_check(tables),
            build_failed_days_check(tables),
            *log_retention_checks,
            build_fixed_keys_check(),
        ],
        jobs=[job, freshness],
        schedules=[daily_schedule(stage, tables, job), freshness_schedule(freshness)],
        sensors=[build_recovery_sensor(job, stage, tables), build_alerts_sensor()],
        resources={"stage": stage_resource(stage)},
        executor=build_executor(stage.home),
    )


@dg.definitions
def defs() -> dg.Definitions:
    """Code location that Dagster loads: the project and the stage that the environment names."""
    stage = load_stage()
    return build(stage, load_project(stage.project_folder))
