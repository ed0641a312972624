"""Day plan for strategies that see only the present: which requested days a run may fill, and which days are due.

They fill the newest day and refuse an older one by name. They never skip a day silently: days without a run are closed
only when somebody asks for the whole range, and their objects are marked as unobserved.

    requested days + days in the lake + clock ──▶ plan_days() ──▶ DayPlan | DayRefused

Days of the change stream are planned by ``ingest.stream.day_windows``.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from refera_platform.clock import Clock
from refera_platform.errors import DayRefused, UnavailableDayError
from refera_platform.lake.object_state import RawState
from refera_platform.source.table import SourceTable, Strategy

ONE_DAY = timedelta(days=1)
NO_FIRST_DAYS: Mapping[SourceTable, date | None] = {}


@dataclass(frozen=True, kw_only=True)
class DayPlan:
    """The day that a run fills, and the other requested days."""

    day_to_fill: date
    """The newest day: it gets what the source holds now."""
    unseen_days: tuple[date, ...] = ()
    """Days without a run, to be closed as unobserved, oldest first."""
    unchanged_days: tuple[date, ...] = ()
    """Requested days that are in the lake already and stay as they are."""


def plan_days(address: str, requested: Sequence[date], existing_days: Collection[date], clock: Clock) -> DayPlan:
    """Plan the requested days of one table.

    Args:
        address: ``database.table``, for messages.
        requested: Days asked for, oldest first.
        existing_days: Days that have an object.
        clock: Gives the present day.

    Raises:
        DayRefused: naming the day, why, and the command that does what is possible; an ``UnavailableDayError`` when
            no command brings the newest of the days.
    """
    day_to_fill, today = requested[-1], clock.today()
    newest = max(existing_days, default=None)
    if day_to_fill > today:
        raise UnavailableDayError(
            f"Day {day_to_fill} of {address} has not begun (today is {today}):", "ask for a day that has."
        )
    if newest is not None and newest > day_to_fill:
        raise UnavailableDayError(
            f"Day {day_to_fill} of {address} is closed: day {newest} was captured after it, and this strategy sees"
            " only the"
            " present;",
            f"the newest day it can fill is {newest}: refera run --day {newest}",
        )
    if day_to_fill < today - ONE_DAY:
        open_day = today - ONE_DAY
        first = newest + ONE_DAY if newest is not None else open_day
        span = f"--day {open_day}" if first >= open_day else f"--from {first} --to {open_day}"
        raise UnavailableDayError(
            f"Day {day_to_fill} of {address} is over, and this strategy sees only the present;",
            f"the newest full day it can fill is {open_day}: refera run {span}",
        )
    skipped_days = days_between(newest + ONE_DAY, day_to_fill - ONE_DAY) if newest is not None else ()
    if set(skipped_days) - set(requested):
        raise DayRefused(
            f"Day {day_to_fill} of {address} cannot follow day {newest}: {skipped_days[0]} to {skipped_days[-1]}"
            " were never captured;",
            f"close them in one run: refera run --from {skipped_days[0]} --to {day_to_fill}",
        )
    older_days = set(requested) - {day_to_fill} - set(skipped_days)
    if missing_days := sorted(older_days - set(existing_days)):
        raise DayRefused(
            f"Day {missing_days[0]} of {address} was never captured and is over, and this strategy sees only the"
            " present;",
            f"leave it out: refera run --day {day_to_fill}",
        )
    return DayPlan(day_to_fill=day_to_fill, unseen_days=skipped_days, unchanged_days=tuple(sorted(older_days)))


@dataclass(frozen=True, kw_only=True)
class CatchUp:
    """The days that a daily run has to fill, however long there was no run."""

    days: tuple[date, ...]
    """Consecutive days for one run, oldest first."""
    new_tables: tuple[SourceTable, ...] = ()
    """Tables without a day in the lake: they begin with the newest of the days."""
    done_tables: tuple[SourceTable, ...] = ()
    """Tables that cannot have the newest day: they begin later, or see only the present and have a later day."""
    first_days: Mapping[SourceTable, date] = field(default_factory=dict)
    """Change-stream tables whose first day is among the days: they have none of those before it."""


def plan_catch_up(
    newest_states: Mapping[SourceTable, RawState | None],
    last: date,
    first_days: Mapping[SourceTable, date | None] = NO_FIRST_DAYS,
) -> CatchUp:
    """The days up to ``last`` that some table does not have in full; ``last`` itself when all have them.

    Args:
        newest_states: State of the newest object of each table; ``None`` for a table without any.
        last: The newest day to be closed.
        first_days: The oldest day of each table in the lake.
    """
    first, new_tables, done_tables = last, list[SourceTable](), list[SourceTable]()
    for table, state in newest_states.items():
        if state is None:
            new_tables.append(table)
        elif not is_day_possible(last, first_days.get(table), state.day, is_streamed=_is_streamed(table, state)):
            done_tables.append(table)
        else:
            is_open = table.strategy is Strategy.LOG and not state.is_closed
            first = min(first, state.day if is_open else state.day + ONE_DAY)
    is_begun = len(new_tables) < len(newest_states)
    later_first_days = {
        table: first_day
        for table, first_day in first_days.items()
        if first_day
        and first < first_day <= last
        and (state := newest_states.get(table))
        and _is_streamed(table, state)
    }
    return CatchUp(
        days=days_between(first, last),
        new_tables=tuple(new_tables) if is_begun else (),
        done_tables=tuple(done_tables),
        first_days=later_first_days,
    )


def is_day_possible(day: date, first: date | None, newest: date | None, *, is_streamed: bool) -> bool:
    """Whether a table has a day or can still get it, judged by its oldest and newest day.

    Args:
        day: The day.
        first: The table's oldest day in the lake; ``None`` without any, or when unknown.
        newest: Its newest day in the lake.
        is_streamed: Whether its days come from the change stream; else it sees only the present.
    """
    if is_streamed:
        return first is None or first <= day
    return newest is None or newest <= day


def require_in_calendar(days: Sequence[date], clock: Clock, first_day: date) -> None:
    """Refuse days that no table can have.

    Args:
        days: Oldest first.
        clock: Gives the present day.
        first_day: The oldest day of the calendar.

    Raises:
        UnavailableDayError: naming the day.
    """
    today = clock.today()
    if days and days[-1] > today:
        raise UnavailableDayError(f"Day {days[-1]} has not begun (today is {today}):", "ask for a day that has.")
    if days and days[0] < first_day:
        raise UnavailableDayError(
            f"Day {days[0]} is before {first_day}, the first day of the calendar:",
            "ask for a later one, or set REFERA_FIRST_DAY.",
        )


def _is_streamed(table: SourceTable, state: RawState) -> bool:
    """Whether a table continues from the change stream, by its declaration and by its newest state."""
    return table.strategy is Strategy.LOG and state.strategy == Strategy.LOG.value


def days_between(first: date, last: date) -> tuple[date, ...]:
    """Every day from ``first`` to ``last``, both included; none when ``last`` is before ``first``."""
    return tuple(first + ONE_DAY * step for step in range((last - first).days + 1))


def days_after(existing_days: Collection[date], clock: Clock) -> tuple[date, ...]:
    """The days of a resnapshot: those after the newest one in the lake up to today, or today when there are none."""
    today = clock.today()
    return days_between(min(max(existing_days) + ONE_DAY, today), today)


def due_day(table: SourceTable, clock: Clock) -> date:
    """The newest day of a table that must be in the lake by now."""
    due_at = clock.now().astimezone(ZoneInfo(clock.time_zone)) - table.due
    return due_at.date() - ONE_DAY
