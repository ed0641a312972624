"""Days of a table that have no object though they should, and what brings them.

captured days + due day ──▶ gaps_of() ──▶ Gaps(missing, unseen, remedy)
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
    """What is not there between the first captured day and the day that is due."""

    missing_days: tuple[date, ...] = ()
    """Days without an object."""
    unseen_days: tuple[date, ...] = ()
    """Days that were closed and that nobody had looked at: their changes lie in the next observed day."""
    unknown_periods: tuple[str, ...] = ()
    """Times that a lost log leaves unknown: ``2026-03-08T00:00:00+00:00 and 2026-03-10T15:04:00+00:00``."""
    remedy: str = ""
    """What to do about those that are missing, as an imperative without its full stop."""


def find_missing_days(table: SourceTable, states_by_day: Mapping[date, RawState], clock: Clock) -> MissingDays:
    """Look for days that are missing.

    Args:
        table: The declaration.
        states_by_day: What each captured day says of itself.
        clock: The present.
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
    """The time before an object that nobody knows, to the second: ``… and …``."""
    return " and ".join(text[:19].replace("T", " ") for text in (state.unknown_since, state.unknown_until)) + " UTC"


def _remedy(table: SourceTable, missing_days: tuple[date, ...], newest: date, clock: Clock) -> str:
    if not missing_days:
        return ""
    if table.strategy is Strategy.LOG:
        return _command(missing_days[0], missing_days[-1])
    past_days = [day for day in missing_days if day < newest]
    if past_days:  # the present, which is all that this strategy sees, says nothing of them
        day_list = ", ".join(map(str, past_days))
        return f"put the objects of {day_list} back, or take a new baseline: refera resnapshot {table.address}"
    return _command(missing_days[0], max(missing_days[-1], clock.today() - ONE_DAY))


def _command(first: date, last: date) -> str:
    span = f"--day {first}" if first == last else f"--from {first} --to {last}"
    return f"read them in one pass: refera run {span}"


def day_spans(days: tuple[date, ...]) -> str:
    """Days as text, neighbours together: ``2026-03-01 to 2026-03-04, 2026-03-09``."""
    groups: list[list[date]] = []
    for day in days:
        if groups and groups[-1][-1] + ONE_DAY == day:
            groups[-1][1:] = [day]
        else:
            groups.append([day])
    return ", ".join(" to ".join(map(str, span)) for span in groups)
