"""Which stretch of the log belongs to which day of a table.

A day begins where the object of the day before says it ended, and ends before the first transaction that is stamped
at or after the next midnight; the order is the log's. A captured day that is over stays as it is. One whose object was
lost is read again between the places that its neighbours know, so that it has the rows it had.

    requested days + captured states + clock ──▶ plan() ──▶ LogPlan(windows | baseline) | DayRefused
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

from refera_platform.clock import Clock
from refera_platform.errors import DayRefused, UnavailableDayError
from refera_platform.lake import days as calendar
from refera_platform.lake.object_state import RawState
from refera_platform.source.mysql.binlog.position import Position
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
    closing: tuple[Window, ...] = ()
    """Before a resnapshot: what comes after the newest day, oldest first."""
    kept: tuple[date, ...] = ()
    """Requested days that stay as they are: they are over, or what they hold was not read from the log."""


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
        afresh: Whether a new baseline is wanted whatever the lake holds: it belongs to the day on which it is read, and
            no other day is asked for.

    Raises:
        DayRefused: naming the day, why, and the command that does what is possible; an ``UnavailableDayError`` when
            no command brings the newest of the days.
    """
    observed = [state for _, state in sorted(known.items()) if state.is_observed]
    newest = observed[-1] if observed else None
    if afresh and newest:
        days = calendar.days_after(known, clock)
        baseline = calendar.plan(address, days, known, clock)
        is_logged = newest.strategy == Strategy.LOG.value
        return LogPlan(baseline=baseline, closing=onward(newest, clock) if is_logged else ())
    if newest is None or newest.strategy != Strategy.LOG.value:
        return LogPlan(baseline=calendar.plan(address, requested, known, clock))
    first, today = min(known), clock.today()
    for day in requested:
        if day > today:
            raise UnavailableDayError(
                f"Day {day} of {address} has not begun (today is {today}):", "ask for a day that has."
            )
        if day < first:
            kind = UnavailableDayError if requested[-1] < first else DayRefused
            raise kind(
                f"Day {day} of {address} is before {first}, the day of its first capture:",
                "the log is the lake's from there on; leave earlier days out.",
            )
    _require_chain(address, observed, requested)
    since = max((state.day for state in observed if state.baseline), default=first)
    kept = [day for day in requested if day in known and (day < since or _stays(known[day]))]
    wanted = [day for day in requested if day not in kept]
    if not newest.is_closed and newest.day + calendar.ONE in wanted and newest.day not in wanted:
        wanted = sorted([newest.day, *wanted])  # it was captured while it went on, and is completed on the way
    windows = tuple(_window(address, day, wanted, known, clock.time_zone) for day in wanted)
    return LogPlan(windows=windows, kept=tuple(kept))


def onward(state: RawState, clock: Clock) -> tuple[Window, ...]:
    """The windows from the newest captured day of a table to today: the rest of that day, and the days after it."""
    end, resume = Position.parse(state.end_position), _resume(state)
    later = after(state.day, end, resume, clock)
    if state.is_closed:
        return later
    midnight = _midnight(state.day, clock.time_zone)
    rest = Window(day=state.day, midnight=midnight, start=end, resume=resume, extends=True)
    return rest, *(replace(window, start=None, resume=None) for window in later)


def after(last: date, end: Position, resume: Position, clock: Clock) -> tuple[Window, ...]:
    """The windows of all days after one, up to today.

    Args:
        last: That day.
        end: Where it ended.
        resume: Where to read from.
        clock: The present.
    """
    days = calendar.days_between(last + calendar.ONE, clock.today())
    found = [Window(day=day, midnight=_midnight(day, clock.time_zone)) for day in days]
    return (replace(found[0], start=end, resume=resume), *found[1:]) if found else ()


def _stays(state: RawState) -> bool:
    """Whether a captured day is over, or was not read from the log."""
    return state.is_closed or state.strategy != Strategy.LOG.value or not state.is_observed


def _require_chain(address: str, observed: Sequence[RawState], requested: Sequence[date]) -> None:
    """Since its last baseline each day goes on where the day before ended: an object that is gone is not passed over.

    Raises:
        DayRefused: naming the days that are gone.
    """
    since = max((index for index, state in enumerate(observed) if state.baseline), default=None)
    if since is None:
        raise DayRefused(
            f"The baseline of {address} is gone, on which day {observed[0].day} and all later ones stand:",
            f"put its object back, or take a new one: refera resnapshot {address}",
        )
    chain = list(pairwise(observed[since:]))
    lost = [
        day
        for before, state in chain
        for day in calendar.days_between(before.day + calendar.ONE, state.day - calendar.ONE)
    ]
    if lost and not (set(lost) <= set(requested) or set(requested) <= set(lost)):
        days = ", ".join(str(day) for day in lost)
        asked = f"--day {lost[0]}" if len(lost) == 1 else f"--from {lost[0]} --to {lost[-1]}"
        raise DayRefused(
            f"The objects of {address} for {days} are gone from the lake, though later days are there:",
            f"read them again from the log: refera run {asked}",
        )
    for before, state in chain:
        ends, begins = Position.parse(before.end_position), Position.parse(state.start_position)
        if before.day + calendar.ONE == state.day and ends.order != begins.order:
            raise DayRefused(
                f"Day {state.day} of {address} begins at {begins} in the log, and the day before it ends at {ends}:",
                f"put the objects back that belong together, or take a new baseline: refera resnapshot {address}",
            )


def _midnight(day: date, time_zone: str) -> int:
    return int(datetime.combine(day + calendar.ONE, datetime.min.time(), ZoneInfo(time_zone)).timestamp())


def _window(address: str, day: date, wanted: Sequence[date], known: Mapping[date, RawState], time_zone: str) -> Window:
    midnight = _midnight(day, time_zone)
    own, before, later = known.get(day), known.get(day - calendar.ONE), known.get(day + calendar.ONE)
    if own:
        start = Position.parse(own.end_position)
        return Window(day=day, midnight=midnight, start=start, resume=_resume(own), extends=True)
    follows = day - calendar.ONE in wanted and (before is None or not before.is_closed)
    if not follows and (before is None or before.strategy != Strategy.LOG.value):
        last = max(other for other in known if other < day)
        raise DayRefused(
            f"Day {day} of {address} cannot follow day {last}: {last + calendar.ONE} to {day - calendar.ONE} were never"
            " captured;",
            f"capture them in one pass: refera run --from {last + calendar.ONE} --to {day}",
        )
    end = Position.parse(later.start_position) if later else None
    if follows or before is None:
        return Window(day=day, midnight=midnight, end=end)
    start = Position.parse(before.end_position)
    return Window(day=day, midnight=midnight, start=start, resume=_resume(before), end=end)


def _resume(state: RawState) -> Position:
    return Position.parse(state.resume_position or state.end_position)
