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

LOOKBACK_DAYS = 28
"""Observed days that are looked back at."""
MIN_HISTORY_DAYS = 7
"""Days of history below which nothing is said."""
MIN_WEEKDAY_DAYS = 4
STANDARD_DEVIATION_PER_MEDIAN_DEVIATION = 1.4826
"""Median deviations of a normal distribution in its standard deviation."""
USUAL_STANDARD_DEVIATIONS = 5
"""Standard deviations that are usual."""
USUAL_SHARE_OF_MEDIAN = 0.5
"""A part of the median that is usual, however alike the days were."""
USUAL_DIFFERENCE_ROWS = 50
"""Rows more or fewer that are never odd by themselves."""


@dataclass(frozen=True, kw_only=True)
class DayVolume:
    """How many rows a day changed, and what was to be expected."""

    day: date
    rows: int
    usual_min_rows: int = 0
    usual_max_rows: int | None = None
    """``None`` when there was too little history to expect anything."""
    compared_day_count: int = 0
    """Days that were looked at."""
    is_silent: bool = False
    """Whether nothing came, though something came on each of those days."""

    @property
    def is_usual(self) -> bool:
        """Whether the day is like the others; also when nobody can know."""
        return self.usual_max_rows is None or (
            self.usual_min_rows <= self.rows <= self.usual_max_rows and not self.is_silent
        )

    @property
    def description(self) -> str:
        """A sentence about an odd day."""
        return (
            f"Day {self.day} changed {self.rows} rows, where {self.usual_min_rows} to {self.usual_max_rows} are"
            f" usual ({self.compared_day_count} days)."
        )


def changed_rows_by_day(states: Iterable[RawState]) -> dict[date, int]:
    """Rows that each day changed, of days that are over, were seen, and hold nothing but changes."""
    return {
        state.day: state.row_count
        for state in states
        if state.is_observed and state.is_settled and state.is_closed and "r" not in state.rows
    }


def judge_volume(series: Mapping[date, int], day: date) -> DayVolume:
    """Compare a day of the series with those before it."""
    rows = series[day]
    history = [(other, count) for other, count in sorted(series.items()) if other < day][-LOOKBACK_DAYS:]
    if len(history) < MIN_HISTORY_DAYS:
        return DayVolume(day=day, rows=rows, compared_day_count=len(history))
    same_weekday = [count for other, count in history if other.weekday() == day.weekday()]
    counts = same_weekday if len(same_weekday) >= MIN_WEEKDAY_DAYS else [count for _, count in history]
    median_rows = median(counts)
    deviation = STANDARD_DEVIATION_PER_MEDIAN_DEVIATION * median(abs(count - median_rows) for count in counts)
    tolerance = max(USUAL_STANDARD_DEVIATIONS * deviation, USUAL_SHARE_OF_MEDIAN * median_rows, USUAL_DIFFERENCE_ROWS)
    is_silent = rows == 0 and min(counts) > 0
    low, high = round(median_rows - tolerance), round(median_rows + tolerance)
    if counts is not same_weekday:  # what a weekday is like is not known yet: what was there before is nothing odd
        low, high = min(low, *counts), max(high, *counts)
    return DayVolume(
        day=day,
        rows=rows,
        usual_min_rows=max(1 if is_silent else 0, low),
        usual_max_rows=high,
        compared_day_count=len(counts),
        is_silent=is_silent,
    )
