"""Which stretch of the log belongs to which day of a table.

A day begins where the object of the day before says it ended, and ends before the first transaction that is stamped
at or after the next midnight; the order is the log's. A closed day is read again between the two places that are
already known, so that it gives the same rows.

    requested days + captured states + clock ──▶ plan() ──▶ LogPlan(windows | baseline) | DayRefused
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from refera_platform.clock import Clock
from refera_platform.errors import DayRefused
from refera_platform.lake import days as calendar
from refera_platform.lake.state import RawState
from refera_platform.source.log.position import Position
from refera_platform.source.table import Strategy


@dataclass(frozen=True, kw_only=True)
class Window:
    """The stretch of one day."""

    day: date
    midnight: int
    """Second since 1970 at which the next day begins in the stage's time zone."""
    start: Position | None = None
    """Where it begins; ``None`` when it begins where the window before it ends."""
    resume: Position | None = None
    """Where to read from, which is earlier than ``start`` when a transaction was prepared before it."""
    end: Position | None = None
    """Where it ends, for a day that another one follows; ``None`` when only the log can tell."""
    extends: bool = False
    """Whether its rows come after those of the day's object, which stay."""


@dataclass(frozen=True, kw_only=True)
class LogPlan:
    """What to do for one table."""

    windows: tuple[Window, ...] = ()
    """Oldest first."""
    baseline: calendar.DayPlan | None = None
    """The day that gets a snapshot of the whole table, when its log cannot be read on from the lake's state."""
    kept: tuple[date, ...] = ()
    """Requested days that stay as they are, because what they hold cannot be read again from the log."""


def plan(
    address: str,
    requested: Sequence[date],
    known: Mapping[date, RawState],
    clock: Clock,
    *,
    afresh: bool = False,
) -> LogPlan:
    """Decide for one table.

    Args:
        address: ``database.table``, for messages.
        requested: Days asked for, oldest first.
        known: What the captured days say of themselves, oldest first.
        clock: The present.
        afresh: Whether a new baseline is wanted whatever the lake holds.

    Raises:
        DayRefused: naming the day, why, and the command that does what is possible.
    """
    newest = known[max(known)] if known else None
    if afresh or newest is None or newest.strategy != Strategy.LOG.value:
        return LogPlan(baseline=calendar.plan(address, requested, known, clock))
    first, today = min(known), clock.today()
    for day in requested:
        if day > today:
            raise DayRefused(
                f"Day {day} of {address} has not begun (today is {today}):", "ask for a day that has."
            )
        if day < first:
            raise DayRefused(
                f"Day {day} of {address} is before {first}, the day of its first capture:",
                "the log is the lake's from there on; leave earlier days out.",
            )
    kept = [day for day in requested if day in known and _stays(known[day], is_newest=day == newest.day)]
    wanted = [day for day in requested if day not in kept]
    if not newest.is_closed and newest.day + calendar.ONE in wanted and newest.day not in wanted:
        wanted.insert(0, newest.day)  # it was captured while it went on, and is completed on the way
    windows = tuple(_window(address, day, wanted, known, clock.time_zone) for day in wanted)
    return LogPlan(windows=windows, kept=tuple(kept))


def _stays(state: RawState, *, is_newest: bool) -> bool:
    """Whether a captured day is neither open nor to be had again from the log."""
    if state.strategy != Strategy.LOG.value or not state.is_observed:
        return True
    return not state.is_replayable and (state.is_closed or not is_newest)


def _window(
    address: str, day: date, wanted: Sequence[date], known: Mapping[date, RawState], time_zone: str
) -> Window:
    midnight = int(datetime.combine(day + calendar.ONE, datetime.min.time(), ZoneInfo(time_zone)).timestamp())
    own, before, after = known.get(day), known.get(day - calendar.ONE), known.get(day + calendar.ONE)
    if own and not own.is_closed and day == max(known):
        start = Position.parse(own.end_position)
        return Window(day=day, midnight=midnight, start=start, resume=_resume(own), extends=True)
    if own:
        start = Position.parse(own.start_position)
        resume = _resume(before) if before and before.end_position == own.start_position else start
        return Window(
            day=day, midnight=midnight, start=start, resume=resume, end=Position.parse(own.end_position)
        )
    end = Position.parse(after.start_position) if after else None
    if day - calendar.ONE in wanted and (before is None or not before.is_closed):
        return Window(day=day, midnight=midnight, end=end)
    if before is None or before.strategy != Strategy.LOG.value:
        last = max(other for other in known if other < day)
        raise DayRefused(
            f"Day {day} of {address} cannot follow day {last}: {last + calendar.ONE} to {day - calendar.ONE} were never"
            " captured;",
            f"capture them in one pass: refera run --from {last + calendar.ONE} --to {day}",
        )
    start = Position.parse(before.end_position)
    return Window(day=day, midnight=midnight, start=start, resume=_resume(before), end=end)


def _resume(state: RawState) -> Position:
    return Position.parse(state.resume_position or state.end_position)
