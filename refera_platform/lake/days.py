"""Which days a capture may fill, for strategies that see only the present.

They fill the newest day, refuse an older one by name, and never step over a day in silence: days that went by
unseen are closed only when somebody asks for the whole range, and then say of themselves that nobody looked.

    requested days + captured days + clock ──▶ plan() ──▶ DayPlan | DayRefused
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from refera_platform.clock import Clock
from refera_platform.errors import DayRefused
from refera_platform.lake.state import RawState
from refera_platform.source.table import SourceTable, Strategy

ONE = timedelta(days=1)


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
        DayRefused: naming the day, why, and the command that does what is possible.
    """
    fill, today = requested[-1], clock.today()
    newest = max(captured, default=None)
    if fill > today:
        raise DayRefused(
            f"Day {fill} of {address} has not begun (today is {today}):", "ask for a day that has."
        )
    if newest is not None and newest > fill:
        raise DayRefused(
            f"Day {fill} of {address} is closed: day {newest} was captured after it, and this strategy sees only the"
            " present;",
            f"the newest day it can fill is {newest}: refera run --day {newest}",
        )
    if fill < today - ONE:
        open_day = today - ONE
        first = newest + ONE if newest is not None else open_day
        span = f"--day {open_day}" if first >= open_day else f"--from {first} --to {open_day}"
        raise DayRefused(
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
    """Tables of a strategy that sees only the present which have a later day already."""


def catch_up(captured: Mapping[SourceTable, RawState | None], last: date) -> CatchUp:
    """The days up to ``last`` that some table does not have in full; ``last`` itself when all have them.

    Args:
        captured: What the newest object of each table says of itself; ``None`` of one that was never captured.
        last: The newest day to be closed.
    """
    first, new, done = last, list[SourceTable](), list[SourceTable]()
    for table, state in captured.items():
        if state is None:
            new.append(table)
        elif state.day > last and table.strategy is not Strategy.LOG:
            done.append(table)
        else:
            is_open = table.strategy is Strategy.LOG and not state.is_closed
            first = min(first, state.day if is_open else state.day + ONE)
    is_begun = len(new) < len(captured)
    return CatchUp(days=days_between(first, last), new=tuple(new) if is_begun else (), done=tuple(done))


def days_between(first: date, last: date) -> tuple[date, ...]:
    """Every day from ``first`` to ``last``, both included; none when they are crossed."""
    return tuple(first + ONE * step for step in range((last - first).days + 1))


def due_day(table: SourceTable, clock: Clock) -> date:
    """The newest day of a table that must have been captured by now."""
    local = clock.now().astimezone(ZoneInfo(clock.time_zone)) - table.due
    return local.date() - ONE
