"""Missing days of a table: days that should have an object and have none, and the command that backfills them.

days in the lake + due day ──▶ find_missing_days() ──▶ MissingDays(missing_days, unseen_days, unknown_periods, remedy)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from refera_platform.clock import Clock
from refera_platform.lake.days import ONE_DAY, days_between, due_day
from refera_platform.lake.object_state import RawState
from refera_platform.source.table import SourceTable, Strategy


@dataclass(frozen=True, kw_only=True)
class MissingDays:
    """What is missing between the first day in the lake and the day that is due."""

    missing_days: tuple[date, ...] = ()
    """Days without an object."""
    unseen_days: tuple[date, ...] = ()
    """Days that were closed as unobserved: their changes are in the next observed day."""
    unknown_periods: tuple[str, ...] = ()
    """Times without known changes, as the binlog was gone: ``2026-03-08 00:00:00 and 2026-03-10 15:04:00 UTC``."""
    remedy: str = ""
    """What to do about the missing days, as an imperative without its full stop."""


def find_missing_days(table: SourceTable, states_by_day: Mapping[date, RawState], clock: Clock) -> MissingDays:
    """Find the missing days of a table.

    Args:
        table: The table.
        states_by_day: State of each day in the lake.
        clock: Gives the present day.
    """
    if not states_by_day:
        return MissingDays()
    missing_days = tuple(
        day for day in days_between(min(states_by_day), due_day(table, clock)) if day not in states_by_day
    )
    unseen_days = tuple(
        sorted(day for day, state in states_by_day.items() if not state.is_observed and not state.unknown_since)
    )
    unknown_periods = tuple(
        unknown_period(state) for _, state in sorted(states_by_day.items()) if state.is_observed and state.unknown_since
    )
    return MissingDays(
        missing_days=missing_days,
        unseen_days=unseen_days,
        unknown_periods=unknown_periods,
        remedy=_remedy(table, missing_days, max(states_by_day), clock),
    )


def unknown_period(state: RawState) -> str:
    """The time before an object whose changes are unknown, to the second: ``… and … UTC``."""
    return " and ".join(text[:19].replace("T", " ") for text in (state.unknown_since, state.unknown_until)) + " UTC"


def _remedy(table: SourceTable, missing_days: tuple[date, ...], newest: date, clock: Clock) -> str:
    if not missing_days:
        return ""
    if table.strategy is Strategy.LOG:
        return _command(missing_days[0], missing_days[-1])
    past_days = [day for day in missing_days if day < newest]
    if past_days:  # this strategy sees only the present, so it cannot fill them
        day_list = ", ".join(map(str, past_days))
        return f"put the objects of {day_list} back, or take a new snapshot: refera resnapshot {table.address}"
    return _command(missing_days[0], max(missing_days[-1], clock.today() - ONE_DAY))


def _command(first: date, last: date) -> str:
    span = f"--day {first}" if first == last else f"--from {first} --to {last}"
    return f"read them in one run: refera run {span}"


def day_spans(days: tuple[date, ...]) -> str:
    """Days as text, consecutive ones as a range: ``2026-03-01 to 2026-03-04, 2026-03-09``."""
    groups: list[list[date]] = []
    for day in days:
        if groups and groups[-1][-1] + ONE_DAY == day:
            groups[-1][1:] = [day]
        else:
            groups.append([day])
    return ", ".join(" to ".join(map(str, span)) for span in groups)
