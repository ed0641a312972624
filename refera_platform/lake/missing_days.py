"""Days of a table that have no object though they should, and what brings them.

captured days + due day ──▶ gaps_of() ──▶ Gaps(missing, unseen, remedy)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from refera_platform.clock import Clock
from refera_platform.lake.days import ONE, days_between, due_day
from refera_platform.lake.object_state import RawState
from refera_platform.source.table import SourceTable, Strategy


@dataclass(frozen=True, kw_only=True)
class Gaps:
    """What is not there between the first captured day and the day that is due."""

    missing: tuple[date, ...] = ()
    """Days without an object."""
    unseen: tuple[date, ...] = ()
    """Days that were closed and that nobody had looked at: their changes lie in the next observed day."""
    unknown: tuple[str, ...] = ()
    """Times that a lost log leaves unknown: ``2026-03-08T00:00:00+00:00 and 2026-03-10T15:04:00+00:00``."""
    remedy: str = ""
    """What to do about those that are missing, as an imperative without its full stop."""


def gaps_of(table: SourceTable, known: Mapping[date, RawState], clock: Clock) -> Gaps:
    """Look for days that are missing.

    Args:
        table: The declaration.
        known: What each captured day says of itself.
        clock: The present.
    """
    if not known:
        return Gaps()
    missing = tuple(day for day in days_between(min(known), due_day(table, clock)) if day not in known)
    unseen = tuple(sorted(day for day, state in known.items() if not state.is_observed and not state.unknown_since))
    unknown = tuple(
        unknown_time(state) for _, state in sorted(known.items()) if state.is_observed and state.unknown_since
    )
    return Gaps(missing=missing, unseen=unseen, unknown=unknown, remedy=_remedy(table, missing, max(known), clock))


def unknown_time(state: RawState) -> str:
    """The time before an object that nobody knows, to the second: ``… and …``."""
    return " and ".join(text[:19].replace("T", " ") for text in (state.unknown_since, state.unknown_until)) + " UTC"


def _remedy(table: SourceTable, missing: tuple[date, ...], newest: date, clock: Clock) -> str:
    if not missing:
        return ""
    if table.strategy is Strategy.LOG:
        return _command(missing[0], missing[-1])
    lost = [day for day in missing if day < newest]
    if lost:  # the present, which is all that this strategy sees, says nothing of them
        named = ", ".join(map(str, lost))
        return f"put the objects of {named} back, or take a new baseline: refera resnapshot {table.address}"
    return _command(missing[0], max(missing[-1], clock.today() - ONE))


def _command(first: date, last: date) -> str:
    span = f"--day {first}" if first == last else f"--from {first} --to {last}"
    return f"read them in one pass: refera run {span}"


def spans(days: tuple[date, ...]) -> str:
    """Days as text, neighbours together: ``2026-03-01 to 2026-03-04, 2026-03-09``."""
    found: list[list[date]] = []
    for day in days:
        if found and found[-1][-1] + ONE == day:
            found[-1][1:] = [day]
        else:
            found.append([day])
    return ", ".join(" to ".join(map(str, span)) for span in found)
