"""Day windows of a table: the part of the binlog that belongs to each requested day, or why a day is refused.

A day begins at the end position of the object of the day before. It ends before the first transaction whose timestamp
is at or after the next midnight; the order is that of the binlog. A closed day stays as it is. A day whose object was
lost is read again between the positions of its neighbours, so that it gets the same rows.

    requested days + states in the lake + clock ──▶ plan_stream_days() ──▶ StreamPlan(windows | snapshot) | DayRefused

Reads no binlog. Days of the other strategies are planned by ``lake.days``.
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
from refera_platform.source.position import Position
from refera_platform.source.table import Strategy

END_OF_TIME_SECONDS = 1 << 40
"""A second since 1970 that no timestamp reaches."""


@dataclass(frozen=True, kw_only=True)
class DayWindow:
    """The part of the binlog that belongs to one day."""

    day: date
    midnight_seconds: int
    """Second since 1970 at which the next day begins in the stage's time zone."""
    start: Position | None = None
    """Start position; ``None`` when it begins where the window before it ends."""
    resume_position: Position | None = None
    """Position to read from, which is before ``start`` when a transaction was prepared (XA) before it."""
    end: Position | None = None
    """End position, for a day with a later day in the lake; ``None`` when it is found while reading."""
    is_extension: bool = False
    """Whether its rows are added to those of the day's existing object."""


@dataclass(frozen=True, kw_only=True)
class StreamPlan:
    """What to do for one table."""

    windows: tuple[DayWindow, ...] = ()
    """Oldest first."""
    snapshot: calendar.DayPlan | None = None
    """The day that gets a snapshot of the whole table: on request, or when the lake has no state to read on from."""
    closing_windows: tuple[DayWindow, ...] = ()
    """Before a resnapshot: the windows after the newest day, oldest first."""
    unchanged_days: tuple[date, ...] = ()
    """Requested days that stay as they are: they are closed, or their rows were not read from the binlog."""


def plan_stream_days(
    address: str,
    requested: Sequence[date],
    states_by_day: Mapping[date, RawState],
    clock: Clock,
    *,
    is_resnapshot: bool = False,
) -> StreamPlan:
    """Plan the requested days of one table.

    Args:
        address: ``database.table``, for messages.
        requested: Days asked for, oldest first.
        states_by_day: State of each day in the lake, oldest first.
        clock: Gives the present day.
        is_resnapshot: Whether to take a new snapshot whatever the lake holds. It belongs to the day on which it is
            read; ``requested`` is ignored for a table that has days in the lake.

    Raises:
        DayRefused: naming the day, why, and the command that does what is possible; an ``UnavailableDayError`` when
            no command brings the newest of the days.
    """
    observed = [state for _, state in sorted(states_by_day.items()) if state.is_observed]
    newest = observed[-1] if observed else None
    if is_resnapshot and newest:
        days = calendar.days_after(states_by_day, clock)
        snapshot = calendar.plan_days(address, days, states_by_day, clock)
        is_from_stream = newest.strategy == Strategy.LOG.value
        return StreamPlan(snapshot=snapshot, closing_windows=windows_to_today(newest, clock) if is_from_stream else ())
    if newest is None or newest.strategy != Strategy.LOG.value:
        return StreamPlan(snapshot=calendar.plan_days(address, requested, states_by_day, clock))
    first, today = min(states_by_day), clock.today()
    for day in requested:
        if day > today:
            raise UnavailableDayError(
                f"Day {day} of {address} has not begun (today is {today}):", "ask for a day that has."
            )
        if day < first:
            error_type = UnavailableDayError if requested[-1] < first else DayRefused
            raise error_type(
                f"Day {day} of {address} is before {first}, the day of its first capture:",
                "the lake has the table's changes from that day on; leave earlier days out.",
            )
    _require_continuous_days(address, observed, requested)
    since = max((state.day for state in observed if state.baseline), default=first)
    unchanged_days = [
        day for day in requested if day in states_by_day and (day < since or _is_final(states_by_day[day]))
    ]
    days_to_read = [day for day in requested if day not in unchanged_days]
    if not newest.is_closed and newest.day + calendar.ONE_DAY in days_to_read and newest.day not in days_to_read:
        days_to_read = sorted(
            [newest.day, *days_to_read]
        )  # the newest day is still open: it is completed in the same read
    windows = tuple(_day_window(address, day, days_to_read, states_by_day, clock.time_zone) for day in days_to_read)
    return StreamPlan(windows=windows, unchanged_days=tuple(unchanged_days))


def windows_to_today(state: RawState, clock: Clock) -> tuple[DayWindow, ...]:
    """The windows from a table's newest day in the lake to today: the rest of that day, and the days after it."""
    end, resume_position = Position.parse(state.end_position), _resume_position(state)
    later_windows = windows_after(state.day, end, resume_position, clock)
    if state.is_closed:
        return later_windows
    midnight = _midnight(state.day, clock.time_zone)
    rest_window = DayWindow(
        day=state.day, midnight_seconds=midnight, start=end, resume_position=resume_position, is_extension=True
    )
    return rest_window, *(replace(window, start=None, resume_position=None) for window in later_windows)


def windows_after(last_day: date, end: Position, resume_position: Position, clock: Clock) -> tuple[DayWindow, ...]:
    """The windows of all days after one, up to today.

    Args:
        last_day: That day.
        end: Its end position.
        resume_position: Position to read from.
        clock: Gives the present day.
    """
    days = calendar.days_between(last_day + calendar.ONE_DAY, clock.today())
    windows = [DayWindow(day=day, midnight_seconds=_midnight(day, clock.time_zone)) for day in days]
    return (replace(windows[0], start=end, resume_position=resume_position), *windows[1:]) if windows else ()


def _is_final(state: RawState) -> bool:
    """Whether a day in the lake is closed, or was not read from the binlog."""
    return state.is_closed or state.strategy != Strategy.LOG.value or not state.is_observed


def _require_continuous_days(address: str, observed: Sequence[RawState], requested: Sequence[date]) -> None:
    """Require that since the last snapshot each day begins where the day before ended, and that no object is missing.

    Raises:
        DayRefused: naming the missing days.
    """
    since = max((index for index, state in enumerate(observed) if state.baseline), default=None)
    if since is None:
        raise DayRefused(
            f"The object with the snapshot of {address} does not exist in the lake, and day {observed[0].day} and all"
            " later days need it:",
            f"put its object back, or take a new snapshot: refera resnapshot {address}",
        )
    chain = list(pairwise(observed[since:]))
    missing_days = [
        day
        for before, state in chain
        for day in calendar.days_between(before.day + calendar.ONE_DAY, state.day - calendar.ONE_DAY)
    ]
    if missing_days and not (set(missing_days) <= set(requested) or set(requested) <= set(missing_days)):
        days = ", ".join(str(day) for day in missing_days)
        options = (
            f"--day {missing_days[0]}"
            if len(missing_days) == 1
            else f"--from {missing_days[0]} --to {missing_days[-1]}"
        )
        raise DayRefused(
            f"The objects of {address} for {days} do not exist in the lake, though those of later days do:",
            f"read them again from the binlog: refera run {options}",
        )
    for before, state in chain:
        end_position, start_position = Position.parse(before.end_position), Position.parse(state.start_position)
        if before.day + calendar.ONE_DAY == state.day and end_position.order != start_position.order:
            raise DayRefused(
                f"Day {state.day} of {address} begins at binlog position {start_position}, and the day before it ends"
                f" at {end_position}:",
                f"put the objects back that belong together, or take a new snapshot: refera resnapshot {address}",
            )


def _midnight(day: date, time_zone: str) -> int:
    return int(datetime.combine(day + calendar.ONE_DAY, datetime.min.time(), ZoneInfo(time_zone)).timestamp())


def _day_window(
    address: str, day: date, days_to_read: Sequence[date], states_by_day: Mapping[date, RawState], time_zone: str
) -> DayWindow:
    midnight = _midnight(day, time_zone)
    existing, before, later = (
        states_by_day.get(day),
        states_by_day.get(day - calendar.ONE_DAY),
        states_by_day.get(day + calendar.ONE_DAY),
    )
    if existing:
        start = Position.parse(existing.end_position)
        return DayWindow(
            day=day,
            midnight_seconds=midnight,
            start=start,
            resume_position=_resume_position(existing),
            is_extension=True,
        )
    is_continued = day - calendar.ONE_DAY in days_to_read and (before is None or not before.is_closed)
    if not is_continued and (before is None or before.strategy != Strategy.LOG.value):
        last_day = max(other for other in states_by_day if other < day)
        raise DayRefused(
            f"Day {day} of {address} cannot follow day {last_day}: {last_day + calendar.ONE_DAY} to"
            f" {day - calendar.ONE_DAY} were never"
            " captured;",
            f"capture them in one run: refera run --from {last_day + calendar.ONE_DAY} --to {day}",
        )
    end = Position.parse(later.start_position) if later else None
    if is_continued or before is None:
        return DayWindow(day=day, midnight_seconds=midnight, end=end)
    start = Position.parse(before.end_position)
    return DayWindow(day=day, midnight_seconds=midnight, start=start, resume_position=_resume_position(before), end=end)


def _resume_position(state: RawState) -> Position:
    return Position.parse(state.resume_position or state.end_position)
