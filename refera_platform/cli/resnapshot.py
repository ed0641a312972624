"""``refera resnapshot``: takes a new snapshot of tables, after a purged binlog, a replaced server or in doubt."""

from datetime import date
from typing import Annotated

import typer

from refera_platform.cli.run import run_days
from refera_platform.errors import SettingError
from refera_platform.lake.days import days_after
from refera_platform.lake.lake import Lake
from refera_platform.orchestration.run_request import DailyRunRequest
from refera_platform.project.load import load_project
from refera_platform.settings.stage import Stage, load_stage
from refera_platform.source.table import SourceTable

EXAMPLES = ("refera resnapshot orders", "refera resnapshot orders customers", "refera resnapshot --all")


def resnapshot(
    tables: Annotated[list[str] | None, typer.Argument(help="Source tables: orders, or classicmodels.orders.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every declared table.")] = False,
) -> None:
    """Read whole tables, through Dagster, into today's partition; ended days are not rewritten.

    Raises:
        SettingError: when no table is named, or an unknown one.
        ReferaError: when any table failed, with every cause.
    """
    if bool(tables) == every:
        raise SettingError("refera resnapshot needs a table:", "name some, or say --all.")
    stage = load_stage()
    project, lake = load_project(stage.project_folder), Lake(stage)
    groups: dict[tuple[date, ...], list[SourceTable]] = {}
    for table in project.tables if every else [project.find_table(name) for name in tables or ()]:
        groups.setdefault(days_to_fill(stage, lake, table), []).append(table)
    for days, same_days_tables in groups.items():
        addresses = ",".join(table.address for table in same_days_tables)
        run_days(stage, project, DailyRunRequest(days=days, select=addresses, is_resnapshot=True))


def days_to_fill(stage: Stage, lake: Lake, table: SourceTable) -> tuple[date, ...]:
    """The days after the last ingested one, up to today; the newest full day for a table that was never ingested."""
    stored_days = lake.stored_days(table)
    return days_after(stored_days, stage.clock) if stored_days else (stage.clock.newest_full_day(),)
