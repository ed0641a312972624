"""Which days a capture may fill, for strategies that see only the present.

They fill the newest day, refuse an older one by name, and never step over a day in silence: days that went by
unseen are closed only when somebody asks for the whole range, and then say of themselves that nobody looked.

    requested days + captured days + clock ──▶ plan() ──▶ DayPlan | DayRefused
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from refera_platform.clock import Clock
from refera_platform.errors import DayRefused, UnavailableDayError
from refera_platform.lake.object_state import RawState
from refera_platform.source.table import SourceTable, Strategy

ONE = timedelta(days=1)
NOTHING_CAPTURED: Mapping[SourceTable, date | None] = {}


@dataclass(frozen=True, kw_only=True)
class DayPlan:
    """What to do with each requested day."""

    fill: date
    """The newest day: it gets what the source holds now."""
    unseen: tuple[date, ...] = ()
    """Days that went by without a capture, to be closed as such, oldest first."""
    kept: tuple[date, ...] = ()
    """Requested days that are captured already and stay as they are."""


def plan(address: str, requested: Sequence[date], captured: Collection[date], clock: Clock) -> DayPlan:
    """Decide for one table.

    Args:
        address: ``database.table``, for messages.
        requested: Days asked for, oldest first.
        captured: Days that have an object.
        clock: The present.

    Raises:
        DayRefused: naming the day, why, and the command that does what is possible; an ``UnavailableDayError`` when
            no command brings the newest of the days.
    """
    fill, today = requested[-1], clock.today()
    newest = max(captured, default=None)
    if fill > today:
        raise UnavailableDayError(
            f"Day {fill} of {address} has not begun (today is {today}):", "ask for a day that has."
        )
    if newest is not None and newest > fill:
        raise UnavailableDayError(
            f"Day {fill} of {address} is closed: day {newest} was captured after it, and this strategy sees only the"
            " present;",
            f"the newest day it can fill is {newest}: refera run --day {newest}",
        )
    if fill < today - ONE:
        open_day = today - ONE
        first = newest + ONE if newest is not None else open_day
        span = f"--day {open_day}" if first >= open_day else f"--from {first} --to {open_day}"
        raise UnavailableDayError(
            f"Day {fill} of {address} is over, and this strategy sees only the present;",
            f"the newest full day it can fill is {open_day}: refera run {span}",
        )
    between = days_between(newest + ONE, fill - ONE) if newest is not None else ()
    if set(between) - set(requested):
        raise DayRefused(
            f"Day {fill} of {address} cannot follow day {newest}: {between[0]} to {between[-1]} were never captured;",
            f"close them in one pass: refera run --from {between[0]} --to {fill}",
        )
    older = set(requested) - {fill} - set(between)
    if lost := sorted(older - set(captured)):
        raise DayRefused(
            f"Day {lost[0]} of {address} was never captured and is over, and this strategy sees only the present;",
            f"leave it out: refera run --day {fill}",
        )
    return DayPlan(fill=fill, unseen=between, kept=tuple(sorted(older)))


@dataclass(frozen=True, kw_only=True)
class CatchUp:
    """What a daily run has to capture after whatever time it did not run."""

    days: tuple[date, ...]
    """Consecutive days for one pass, oldest first."""
    new: tuple[SourceTable, ...] = ()
    """Tables without a past: they begin with the newest of the days."""
    done: tuple[SourceTable, ...] = ()
    """Tables that cannot have the newest day: they begin later, or see only the present and have a later one."""
    later: Mapping[SourceTable, date] = field(default_factory=dict)
    """Tables read from the log whose first day is within the days: they have none of those before it."""


def catch_up(
    captured: Mapping[SourceTable, RawState | None],
    last: date,
    begins: Mapping[SourceTable, date | None] = NOTHING_CAPTURED,
) -> CatchUp:
    """The days up to ``last`` that some table does not have in full; ``last`` itself when all have them.

    Args:
        captured: What the newest object of each table says of itself; ``None`` of one that was never captured.
        last: The newest day to be closed.
        begins: The oldest captured day of each table.
    """
    first, new, done = last, list[SourceTable](), list[SourceTable]()
    for table, state in captured.items():
        if state is None:
            new.append(table)
        elif not can_have(last, begins.get(table), state.day, is_log=_is_log(table, state)):
            done.append(table)
        else:
            is_open = table.strategy is Strategy.LOG and not state.is_closed
            first = min(first, state.day if is_open else state.day + ONE)
    is_begun = len(new) < len(captured)
    later = {
        table: begin
        for table, begin in begins.items()
        if begin and first < begin <= last and (state := captured.get(table)) and _is_log(table, state)
    }
    return CatchUp(days=days_between(first, last), new=tuple(new) if is_begun else (), done=tuple(done), later=later)


def can_have(day: date, first: date | None, newest: date | None, *, is_log: bool) -> bool:
    """Whether a table can still have a day, or has it, as far as its other days tell.

    Args:
        day: The day.
        first: The table's oldest captured day; ``None`` without any, or when that is not known.
        newest: Its newest one.
        is_log: Whether its days come from the log; else it sees only the present.
    """
    if is_log:
        return first is None or first <= day
    return newest is None or newest <= day


def require_in_calendar(days: Sequence[date], clock: Clock, first_day: date) -> None:
    """Refuse days that no table can have.

    Args:
        days: Oldest first.
        clock: The present.
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


def _is_log(table: SourceTable, state: RawState) -> bool:
    """Whether a table goes on in the log: its declaration says so, and so does what was captured last."""
    return table.strategy is Strategy.LOG and state.strategy == Strategy.LOG.value


def days_between(first: date, last: date) -> tuple[date, ...]:
    """Every day from ``first`` to ``last``, both included; none when they are crossed."""
    return tuple(first + ONE * step for step in range((last - first).days + 1))


def days_after(captured: Collection[date], clock: Clock) -> tuple[date, ...]:
    """The days after the newest captured one, up to today; today itself when there are none: those of a resnapshot."""
    today = clock.today()
    return days_between(min(max(captured) + ONE, today), today)


def due_day(table: SourceTable, clock: Clock) -> date:
    """The newest day of a table that must have been captured by now."""
    local = clock.now().astimezone(ZoneInfo(clock.time_zone)) - table.due
    return local.date() - ONE
