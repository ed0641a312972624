"""Whether a day changed as many rows as days like it usually do.

Median and median deviation of recent days, those of the same weekday when there are enough of them: a single wild day
of the past moves neither. A table that few rows change is not judged by its noise, except for silence where there
always was something.

    RawState of each day ──▶ changes_by_day() ──▶ judged(series, day) ──▶ Volume
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from statistics import median

from refera_platform.lake.object_state import RawState

RECENT = 28
"""Observed days that are looked back at."""
ENOUGH = 7
"""Days of history below which nothing is said."""
ENOUGH_OF_WEEKDAY = 4
NORMAL = 1.4826
"""Median deviations of a normal distribution in its standard deviation."""
WIDE = 5
"""Standard deviations that are usual."""
SHARE = 0.5
"""A part of the median that is usual, however alike the days were."""
FEW = 50
"""Rows more or fewer that are never odd by themselves."""


@dataclass(frozen=True, kw_only=True)
class Volume:
    """How many rows a day changed, and what was to be expected."""

    day: date
    rows: int
    low: int = 0
    high: int | None = None
    """``None`` when there was too little history to expect anything."""
    days: int = 0
    """Days that were looked at."""
    is_silent: bool = False
    """Whether nothing came, though something came on each of those days."""

    @property
    def is_usual(self) -> bool:
        """Whether the day is like the others; also when nobody can know."""
        return self.high is None or (self.low <= self.rows <= self.high and not self.is_silent)

    @property
    def told(self) -> str:
        """A sentence about an odd day."""
        return f"Day {self.day} changed {self.rows} rows, where {self.low} to {self.high} are usual ({self.days} days)."


def changes_by_day(states: Iterable[RawState]) -> dict[date, int]:
    """Rows that each day changed, of days that are over, were seen, and hold nothing but changes."""
    return {
        state.day: state.row_count
        for state in states
        if state.is_observed and state.is_settled and state.is_closed and "r" not in state.rows
    }


def judged(series: Mapping[date, int], day: date) -> Volume:
    """Compare a day of the series with those before it."""
    rows = series[day]
    before = [(other, count) for other, count in sorted(series.items()) if other < day][-RECENT:]
    if len(before) < ENOUGH:
        return Volume(day=day, rows=rows, days=len(before))
    alike = [count for other, count in before if other.weekday() == day.weekday()]
    counts = alike if len(alike) >= ENOUGH_OF_WEEKDAY else [count for _, count in before]
    middle = median(counts)
    deviation = NORMAL * median(abs(count - middle) for count in counts)
    room = max(WIDE * deviation, SHARE * middle, FEW)
    is_silent = rows == 0 and min(counts) > 0
    low, high = round(middle - room), round(middle + room)
    if counts is not alike:  # what a weekday is like is not known yet: what was there before is nothing odd
        low, high = min(low, *counts), max(high, *counts)
    return Volume(
        day=day,
        rows=rows,
        low=max(1 if is_silent else 0, low),
        high=high,
        days=len(counts),
        is_silent=is_silent,
    )
