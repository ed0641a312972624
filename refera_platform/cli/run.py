"""``refera run``: the daily job in this process, with a live display and a summary at the end."""

import sys
from collections.abc import Mapping
from datetime import date
from typing import Annotated

import typer

from refera_platform.cli.live_table import LiveTable
from refera_platform.cli.output import print_message, results_console, results_table
from refera_platform.clock import Clock
from refera_platform.errors import LakeError, ReferaError, SettingError
from refera_platform.lake.days import days_between, is_day_possible
from refera_platform.lake.lake import Lake
from refera_platform.lake.object_state import OPERATION_NAMES
from refera_platform.orchestration.run_request import DailyRunRequest
from refera_platform.orchestration.stop_signal import Stopped, catch_stop_signals
from refera_platform.project.load import load_project
from refera_platform.project.model import Project
from refera_platform.settings.stage import Stage, load_stage
from refera_platform.source.table import SourceTable, Strategy

EXAMPLES = (
    "refera run",
    "refera run --day 2026-11-22",
    "refera run --from 2026-11-20 --to 2026-11-22",
    "refera run --select orders,ans_sales_by_product",
    "refera run --full-refresh",
)


def run(
    day: Annotated[str, typer.Option(help="The day to fill; the newest full day by default.")] = "",
    first: Annotated[str, typer.Option("--from", help="First day of a range, done in one run.")] = "",
    last: Annotated[str, typer.Option("--to", help="Last day of a range.")] = "",
    select: Annotated[str, typer.Option(help="Tables, models or groups, comma-separated; everything by default.")] = "",
    full_refresh: Annotated[
        bool, typer.Option("--full-refresh", help="Build the warehouse from all days, not from the changes.")
    ] = False,
) -> None:
    """Run the daily job for the requested days."""
    stage = load_stage()
    project = load_project(stage.project_folder)
    if not (day or first or last):
        run_newest_day(stage, project, select, full_refresh=full_refresh)
        return
    days = requested_days(stage.clock, day, first, last)
    run_days(stage, project, DailyRunRequest(days=days, select=select, full_refresh=full_refresh))


def requested_days(clock: Clock, day: str, first: str, last: str) -> tuple[date, ...]:
    """Days that the options of a command name; the newest full day when there are none.

    Raises:
        SettingError: for options that contradict each other or are not days.
    """
    if day and (first or last):
        raise SettingError("--day and --from/--to were given together:", "give one day, or a range.")
    try:
        if day:
            return (date.fromisoformat(day),)
        if not first and not last:
            return (clock.newest_full_day(),)
        start = date.fromisoformat(first or last)
        end = date.fromisoformat(last) if last else clock.newest_full_day()
    except ValueError as error:
        raise SettingError(f"A day is written wrongly ({error}):", "write it like 2026-11-22.") from None
    if start > end:
        raise SettingError(f"The range {start} to {end} runs backwards:", "give the earlier day to --from.")
    return days_between(start, end)


def run_newest_day(stage: Stage, project: Project, select: str = "", *, full_refresh: bool = False) -> None:
    """Run the daily job for the newest full day; tables that cannot have that day any more are left out and named.

    Args:
        stage: The stage, with its clock.
        project: What the business says.
        select: Names of tables, models and groups; everything when empty.
        full_refresh: Build the warehouse from all days, and not from the changes alone.

    Raises:
        ReferaError: when any part failed, with every cause.
    """
    day = stage.clock.newest_full_day()
    later_tables = _tables_with_later_days(stage, project, day)
    if later_tables:
        print_message(
            f"Left out, because day {day} is no longer available for them: {', '.join(later_tables.values())}"
        )
    run_days(
        stage,
        project,
        DailyRunRequest(days=(day,), select=select, excluded=tuple(later_tables), full_refresh=full_refresh),
    )


def _tables_with_later_days(stage: Stage, project: Project, day: date) -> dict[SourceTable, str]:
    """Tables that cannot have a day any more, each with the days that it has."""
    lake, later_tables = Lake(stage), dict[SourceTable, str]()
    try:
        for table in project.tables:
            days = sorted(lake.stored_days(table))
            if days and not is_day_possible(day, days[0], days[-1], is_streamed=table.strategy is Strategy.LOG):
                later_tables[table] = f"{table.address} (captured from {days[0]} to {days[-1]})"
    except LakeError:  # the run fails on the same error, and reports it in the history
        return {}
    return later_tables


def run_days(stage: Stage, project: Project, request: DailyRunRequest, *, is_brief: bool = False) -> None:
    """Run the daily job and display it.

    Args:
        stage: The stage, with its clock.
        project: What the business says.
        request: What to make.
        is_brief: Do not print the published tables.

    Raises:
        ReferaError: when any part failed, with every cause.
        Stopped: when a signal stopped the run.
    """
    span = request.span
    with catch_stop_signals() as stop_signal:
        with LiveTable(f"Day {span}", is_brief=is_brief, stop_signal=stop_signal).display() as live_table:
            from refera_platform.definitions import build  # its imports take seconds, which the display shows
            from refera_platform.orchestration.headless import run_headless

            result = run_headless(build(stage, project), stage, request, stop_signal)
        if stop_signal.number and not result.succeeded:
            raise Stopped(stop_signal.number)
    # the live table already shows it on the screen; a file or a pipe gets all of it
    is_on_screen = live_table.is_live and sys.stdout.isatty()
    _print_assets(result.assets, is_brief=is_brief, is_on_screen=is_on_screen)
    passed = sum(result.checks.values())
    print_message(
        f"Day {span}: {len(result.assets)} assets, {passed} of {len(result.checks)} checks passed,"
        f" {result.seconds:.1f} s"
    )
    for warning in result.warnings:
        print_message(f"Warning: {warning}")
    if not result.succeeded:
        reasons = "\n  ".join(dict.fromkeys(result.failures)) or "the run did not finish"
        raise ReferaError(f"The run of {span} failed:\n  {reasons}\n", f"Its log is in the UI as run {result.run_id}.")


def _print_assets(assets: Mapping[str, Mapping[str, object]], *, is_brief: bool, is_on_screen: bool) -> None:
    raw = {name: metadata for name, metadata in assets.items() if name.startswith("raw/")}
    rows = [
        [
            name.removeprefix("raw/"),
            *(metadata.get(f"rows_added_{op}", 0) for op in OPERATION_NAMES),
            metadata.get("dagster/row_count"),
            metadata.get("seconds"),
        ]
        for name, metadata in raw.items()
    ]
    if rows and not is_on_screen:
        operation_names = list(OPERATION_NAMES.values())
        results_console().print(
            results_table("Extracted into the lake", ["table", *operation_names, "rows now", "seconds"], rows)
        )
    published = [
        [name, metadata["dagster/row_count"], metadata["bytes"]]
        for name, metadata in assets.items()
        if name not in raw and "dagster/row_count" in metadata
    ]
    if published and not is_brief:
        results_console().print(results_table("Published to the warehouse", ["table", "rows", "bytes"], published))
