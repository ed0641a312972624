"""``refera run``: the daily job in this process, shown as it goes and summed up at the end."""

import sys
from collections.abc import Sequence
from datetime import date

from refera_platform.cli.interrupt import Stopped, noticed
from refera_platform.cli.live_table import Board
from refera_platform.cli.output import output, say, table
from refera_platform.clock import Clock
from refera_platform.errors import LakeError, ReferaError, SettingError
from refera_platform.lake.days import can_have, days_between
from refera_platform.lake.lake import Lake
from refera_platform.lake.object_state import OPERATIONS
from refera_platform.settings.stage import Stage
from refera_platform.source.catalog import TABLES
from refera_platform.source.table import SourceTable, Strategy


def days_asked(clock: Clock, day: str, first: str, last: str) -> tuple[date, ...]:
    """The days that the options of a command name; the newest full day without any.

    Raises:
        SettingError: for options that contradict each other or are no days.
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
    except ValueError as trouble:
        raise SettingError(f"A day is written wrongly ({trouble}):", "write it like 2026-11-22.") from None
    if start > end:
        raise SettingError(f"The range {start} to {end} runs backwards:", "give the earlier day to --from.")
    return days_between(start, end)


def run_newest_day(stage: Stage, select: str = "", *, full_refresh: bool = False) -> float:
    """Run the daily job for the newest full day of every table that can have it; what begins later is named.

    Args:
        stage: Where, and what time it is.
        select: Names of tables, models and groups; everything when empty.
        full_refresh: Build the warehouse from all days, and not from the changes alone.

    Raises:
        ReferaError: when any of it failed, with every reason.
    """
    day = stage.clock.newest_full_day()
    later = _captured_later(stage, day)
    if later:
        say(f"Left out, because day {day} is not to be had of them any more: {', '.join(later.values())}")
    return run_days(stage, [day], select, without=tuple(later), full_refresh=full_refresh)


def _captured_later(stage: Stage, day: date) -> dict[SourceTable, str]:
    """Tables that cannot have a day any more, each with what it has instead."""
    lake, found = Lake(stage), dict[SourceTable, str]()
    try:
        for table in TABLES:
            days = sorted(lake.stored_days(table))
            if days and not can_have(day, days[0], days[-1], is_log=table.strategy is Strategy.LOG):
                found[table] = f"{table.address} (captured from {days[0]} to {days[-1]})"
    except LakeError:  # the run meets it again, and then it is in the history and told
        return {}
    return found


def run_days(
    stage: Stage,
    days: Sequence[date],
    select: str = "",
    *,
    without: tuple[SourceTable, ...] = (),
    brief: bool = False,
    afresh: bool = False,
    full_refresh: bool = False,
) -> float:
    """Run the daily job and show it; says how many seconds it took.

    Args:
        stage: Where, and what time it is.
        days: Consecutive days, oldest first.
        select: Names of tables, models and groups; everything when empty.
        without: Raw tables that are left out all the same.
        brief: Leave the published tables out.
        afresh: Give the tables a new baseline.
        full_refresh: Build the warehouse from all days, and not from the changes alone.

    Raises:
        ReferaError: when any of it failed, with every reason.
        Stopped: when somebody stopped it.
    """
    span = str(days[0]) if len(days) == 1 else f"{days[0]} to {days[-1]}"
    with noticed() as is_stopped:
        with Board(f"Day {span}", brief=brief, is_stopped=is_stopped).drawn() as board:
            from refera_platform.definitions import build  # seconds of imports that other commands do without
            from refera_platform.orchestration.assets.dbt_models import FULL_REFRESH
            from refera_platform.orchestration.assets.raw_tables import AFRESH
            from refera_platform.orchestration.headless import Selection, run

            tags = {**({AFRESH: "yes"} if afresh else {}), **({FULL_REFRESH: "yes"} if full_refresh else {})}
            selection = Selection(names=select, without=without)
            outcome = run(build(stage), stage, days, selection, board.tell, tags, board.watch, is_stopped)
        if (number := is_stopped()) and not outcome.succeeded:
            raise Stopped(number)
    # what is on the screen already is not said again; a file or a pipe gets all of it
    seen = board.is_shown and sys.stdout.isatty()
    _show(outcome.assets, brief=brief, seen=seen)
    passed = sum(outcome.checks.values())
    say(
        f"Day {span}: {len(outcome.assets)} assets, {passed} of {len(outcome.checks)} checks passed,"
        f" {outcome.seconds:.1f} s"
    )
    for warning in outcome.warnings:
        say(f"Warning: {warning}")
    if not outcome.succeeded:
        reasons = "\n  ".join(dict.fromkeys(outcome.failures)) or "the run did not finish"
        raise ReferaError(f"The run of {span} failed:\n  {reasons}\n", f"Its log is in the UI as run {outcome.run_id}.")
    return outcome.seconds


def _show(assets: dict[str, dict[str, object]], *, brief: bool, seen: bool) -> None:
    raw = {name: found for name, found in assets.items() if name.startswith("raw/")}
    rows = [
        [
            name.removeprefix("raw/"),
            *(found.get(f"rows_added_{op}", 0) for op in OPERATIONS),
            found.get("dagster/row_count"),
            found.get("seconds"),
        ]
        for name, found in raw.items()
    ]
    if rows and not seen:
        words = list(OPERATIONS.values())
        output().print(table("Extracted into the lake", ["table", *words, "rows now", "seconds"], rows))
    published = [
        [name, found["dagster/row_count"], found["bytes"]]
        for name, found in assets.items()
        if name not in raw and "dagster/row_count" in found
    ]
    if published and not brief:
        output().print(table("Published to the warehouse", ["table", "rows", "bytes"], published))
