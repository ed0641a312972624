"""Days that a strategy of the present may fill, and the words for those it may not."""

from datetime import UTC, date, datetime, timedelta

import pytest

from refera_platform.clock import Clock
from refera_platform.errors import DayRefused
from refera_platform.lake.days import days_between, plan_days

pytestmark = pytest.mark.unit

TODAY = date(2026, 3, 10)
CLOCK = Clock(fixed=datetime(2026, 3, 10, 9, tzinfo=UTC))


def days(*numbers: int) -> list[date]:
    return [date(2026, 3, number) for number in numbers]


def planned(requested: list[date], captured: list[date]):
    return plan_days("shop.orders", requested, captured, CLOCK)


@pytest.mark.parametrize(
    ("requested", "captured", "fill"),
    [
        pytest.param(days(9), [], 9, id="the first capture is of yesterday"),
        pytest.param(days(10), [], 10, id="or of today"),
        pytest.param(days(9), days(7, 8), 9, id="yesterday follows the day before"),
        pytest.param(days(10), days(9, 10), 10, id="today again and again"),
        pytest.param(days(9), days(8, 9), 9, id="yesterday again while nothing is later"),
    ],
)
def test_the_newest_day_is_filled(requested, captured, fill):
    assert planned(requested, captured).day_to_fill == date(2026, 3, fill)


def test_days_that_went_by_are_closed_only_when_the_whole_range_is_asked_for():
    with pytest.raises(
        DayRefused, match=r"2026-03-06 to 2026-03-08 were never captured.*--from 2026-03-06 --to 2026-03-09"
    ):
        planned(days(9), days(4, 5))
    found = planned(days(6, 7, 8, 9), days(4, 5))
    assert found.unseen_days == tuple(days(6, 7, 8))
    assert found.day_to_fill == date(2026, 3, 9)


def test_captured_days_of_a_range_stay_as_they_are():
    assert planned(days(7, 8, 9), days(7, 8)).unchanged_days == tuple(days(7, 8))


@pytest.mark.parametrize(
    ("requested", "captured", "said"),
    [
        pytest.param(days(11), [], "2026-03-11 .* has not begun .*2026-03-10", id="tomorrow"),
        pytest.param(
            days(8),
            days(7),
            "2026-03-08 .* is over.*refera run --from 2026-03-08 --to 2026-03-09",
            id="too old",
        ),
        pytest.param(days(8), [], "is over.*refera run --day 2026-03-09", id="too old for a first capture"),
        pytest.param(days(8), days(8, 9), "2026-03-08 .* is closed: day 2026-03-09 was captured", id="an older day"),
        pytest.param(days(9), days(9, 10), "is closed: day 2026-03-10", id="yesterday once today was captured"),
        pytest.param(days(8, 9), [], "2026-03-08 .* was never captured.*--day 2026-03-09", id="days before the first"),
    ],
)
def test_a_day_that_cannot_be_had_is_refused_by_name(requested, captured, said):
    with pytest.raises(DayRefused, match=said):
        planned(requested, captured)


def test_days_between_includes_both_ends_and_is_empty_when_crossed():
    assert days_between(TODAY - timedelta(days=1), TODAY) == (TODAY - timedelta(days=1), TODAY)
    assert days_between(TODAY, TODAY - timedelta(days=1)) == ()
