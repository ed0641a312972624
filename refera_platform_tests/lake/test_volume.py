"""How many rows a day changes: what is odd is told, and what is noise is not."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from refera_platform.lake.object_state import RawState
from refera_platform.lake.volume import LOOKBACK_DAYS, MIN_HISTORY_DAYS, changed_rows_by_day, judge_volume

pytestmark = pytest.mark.unit

MONDAY = date(2026, 3, 2)
ONE = timedelta(days=1)
WEEK = [900, 1000, 1100, 1000, 1050, 0, 0]
"""A business that rests at weekends."""


def series(*counts):
    """Counts of days that follow one another, from a Monday on."""
    return {MONDAY + ONE * place: count for place, count in enumerate(counts)}


def last(*counts):
    days = series(*counts)
    return judge_volume(days, max(days))


@pytest.mark.parametrize(
    ("counts", "is_usual"),
    [
        pytest.param([1000, 1010, 990, 1005, 995, 1000, 100_000], True, id="six days before it are too few"),
        pytest.param([1000, 1010, 990, 1005, 995, 1000, 1002, 100_000], False, id="a flood"),
        pytest.param([1000, 1010, 990, 1005, 995, 1000, 1002, 300], False, id="a trickle"),
        pytest.param([1000, 1010, 990, 1005, 995, 1000, 1002, 1400], True, id="a good day"),
        pytest.param([1000] * 7 + [1010], True, id="days that are all the same allow for some more"),
        pytest.param([3, 2, 4, 1, 3, 2, 5, 40], True, id="few rows are noise"),
        pytest.param([3, 2, 4, 1, 3, 2, 5, 0], False, id="silence where there always was something"),
        pytest.param([3, 0, 4, 1, 3, 2, 5, 0], True, id="silence as before"),
        pytest.param([0] * 7 + [30], True, id="a beginning of few"),
        pytest.param([0] * 7 + [5000], False, id="a sudden load"),
        pytest.param(
            [*WEEK * 3, *WEEK[:3], 90_000, *WEEK[4:], *WEEK[:3], 95_000],
            False,
            id="one wild day moves nothing",
        ),
        pytest.param([*WEEK * 4, *WEEK[:6]], True, id="a quiet Saturday like the others"),
        pytest.param([*WEEK * 4, *WEEK[:5], 900], False, id="a Saturday like a Monday"),
        pytest.param([*WEEK * 4, 0], False, id="a silent Monday"),
        pytest.param([*WEEK * 2, 0], True, id="two weeks do not tell what a Monday is"),
    ],
)
def test_a_day_is_compared_with_days_like_it(counts, is_usual):
    assert last(*counts).is_usual is is_usual


def test_an_odd_day_is_told_with_what_was_expected():
    found = last(1000, 1010, 990, 1005, 995, 1000, 1002, 100_000)
    assert found.description == "Day 2026-03-09 changed 100000 rows, where 500 to 1500 are usual (7 days)."
    assert (
        last(3, 2, 4, 1, 3, 2, 5, 0).description == "Day 2026-03-09 changed 0 rows, where 1 to 53 are usual (7 days)."
    )


def test_a_day_is_judged_by_those_before_it_and_only_by_recent_ones():
    days = series(*[5_000_000] * 20, *[1000] * LOOKBACK_DAYS, 1000, 70_000)
    assert judge_volume(days, MONDAY + ONE * (20 + LOOKBACK_DAYS)).is_usual
    assert judge_volume(days, MONDAY + ONE * (20 + LOOKBACK_DAYS)).usual_max_rows == 1500
    assert not judge_volume(days, max(days)).is_usual


@settings(deadline=None)
@given(some.lists(some.integers(0, 10**7), min_size=1, max_size=60))
def test_what_is_usual_holds_for_any_series(counts):
    found = last(*counts)
    assert found.compared_day_count <= LOOKBACK_DAYS
    if len(counts) <= MIN_HISTORY_DAYS:
        assert found.is_usual
        assert found.usual_max_rows is None
    else:
        assert 0 <= found.usual_min_rows <= found.usual_max_rows
        assert found.is_usual == (found.usual_min_rows <= found.rows <= found.usual_max_rows)


@settings(deadline=None)
@given(some.integers(0, 10**6), some.integers(8, 40))
def test_days_that_are_all_the_same_are_usual(count, days):
    assert last(*[count] * days).is_usual


def state_of(day, rows, **others):
    return RawState(
        database="d",
        table="t",
        day=day,
        strategy="log",
        server="",
        schema="",
        start_position="",
        end_position="",
        rows=rows,
        **others,
    )


def test_baselines_and_days_that_are_open_unseen_or_unsettled_are_left_out():
    states = [
        state_of(MONDAY, {"r": 500, "u": 3}),
        state_of(MONDAY + ONE, {"c": 1, "u": 2, "d": 3}),
        state_of(MONDAY + ONE * 2, {}, is_observed=False),
        state_of(MONDAY + ONE * 3, {"c": 1}, is_settled=False),
        state_of(MONDAY + ONE * 4, {}),
        state_of(MONDAY + ONE * 5, {"c": 1}, is_closed=False),
    ]
    assert changed_rows_by_day(states) == {MONDAY + ONE: 6, MONDAY + ONE * 4: 0}
