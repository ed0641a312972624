"""Volume check: whether a day changed about as many rows as similar days did.

Compares with the median and the median absolute deviation of recent days, of the same weekday when there are enough:
one extreme day changes neither. A small difference in rows is always usual, except for no row where there always were
some.

    RawState of each day ──▶ changed_rows_by_day() ──▶ judge_volume(series, day) ──▶ DayVolume
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from statistics import median

from refera_platform.lake.object_state import RawState

LOOKBACK_DAYS = 28
"""Observed days in the history."""
MIN_HISTORY_DAYS = 7
"""Days of history below which no day is judged."""
MIN_WEEKDAY_DAYS = 4
STANDARD_DEVIATION_PER_MEDIAN_DEVIATION = 1.4826
"""Standard deviation of a normal distribution in units of its median absolute deviation."""
USUAL_STANDARD_DEVIATIONS = 5
"""Standard deviations from the median that are usual."""
USUAL_SHARE_OF_MEDIAN = 0.5
"""Difference, as a share of the median, that is usual however similar the days were."""
USUAL_DIFFERENCE_ROWS = 50
"""Difference in rows that is always usual."""


@dataclass(frozen=True, kw_only=True)
class DayVolume:
    """How many rows a day changed, and how many are usual."""

    day: date
    rows: int
    usual_min_rows: int = 0
    usual_max_rows: int | None = None
    """``None`` when there is too little history."""
    compared_day_count: int = 0
    """Days that it was compared with."""
    is_silent: bool = False
    """Whether no row changed, though rows changed on each compared day."""

    @property
    def is_usual(self) -> bool:
        """Whether the count is in the usual range; also true with too little history."""
        return self.usual_max_rows is None or (
            self.usual_min_rows <= self.rows <= self.usual_max_rows and not self.is_silent
        )

    @property
    def description(self) -> str:
        """A sentence about an unusual day."""
        return (
            f"Day {self.day} changed {self.rows} rows, where {self.usual_min_rows} to {self.usual_max_rows} are"
            f" usual ({self.compared_day_count} days)."
        )


def changed_rows_by_day(states: Iterable[RawState]) -> dict[date, int]:
    """Rows that changed on each day, for days that are closed, settled and observed, and hold only changes."""
    return {
        state.day: state.row_count
        for state in states
        if state.is_observed and state.is_settled and state.is_closed and "r" not in state.rows
    }


def judge_volume(series: Mapping[date, int], day: date) -> DayVolume:
    """Compare a day of the series with the days before it."""
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
    if counts is not same_weekday:  # too few days of this weekday: the range of all days is usual
        low, high = min(low, *counts), max(high, *counts)
    return DayVolume(
        day=day,
        rows=rows,
        usual_min_rows=max(1 if is_silent else 0, low),
        usual_max_rows=high,
        compared_day_count=len(counts),
        is_silent=is_silent,
    )
