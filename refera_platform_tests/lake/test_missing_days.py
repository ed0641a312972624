"""Days that have no object, between the first captured one and the one that is due."""

from datetime import UTC, date, datetime, timedelta

import pytest

from refera_platform.clock import Clock
from refera_platform.lake.missing_days import day_spans, find_missing_days
from refera_platform.source.table import SourceTable, Strategy
from refera_platform_tests.lake.test_volume import state_of

pytestmark = pytest.mark.unit

NOON = Clock(fixed=datetime(2026, 3, 10, 12, tzinfo=UTC))
EARLY = Clock(fixed=datetime(2026, 3, 10, 3, tzinfo=UTC))


def march(*days):
    return tuple(date(2026, 3, day) for day in days)


def table_of(strategy):
    return SourceTable(database="shop", name="orders", key=("id",), strategy=strategy, about="Orders.")


def found(strategy, *days, clock=NOON, unseen=()):
    known = {day: state_of(day, {}, is_observed=day not in march(*unseen)) for day in march(*days)}
    return find_missing_days(table_of(strategy), known, clock)


@pytest.mark.parametrize(
    ("strategy", "days", "missing", "remedy"),
    [
        pytest.param(Strategy.LOG, [], [], "", id="nothing was ever captured"),
        pytest.param(Strategy.LOG, [7, 8, 9], [], "", id="all there"),
        pytest.param(Strategy.LOG, [7, 8, 9, 10], [], "", id="and today"),
        pytest.param(Strategy.LOG, [5, 6, 8, 9], [7], "read them in one run: refera run --day 2026-03-07", id="one"),
        pytest.param(
            Strategy.LOG,
            [4, 6, 7],
            [5, 8, 9],
            "read them in one run: refera run --from 2026-03-05 --to 2026-03-09",
            id="some in between and the last",
        ),
        pytest.param(
            Strategy.COMPARE,
            [6, 7],
            [8, 9],
            "read them in one run: refera run --from 2026-03-08 --to 2026-03-09",
            id="what is compared closes the days before the newest",
        ),
        pytest.param(
            Strategy.COMPARE,
            [5, 7, 9],
            [6, 8],
            "put the objects of 2026-03-06, 2026-03-08 back, or take a new snapshot: refera resnapshot shop.orders",
            id="what is compared says nothing of the past",
        ),
    ],
)
def test_missing_days_are_told_with_what_brings_them(strategy, days, missing, remedy):
    gaps = found(strategy, *days)
    assert gaps.missing_days == march(*missing)
    assert gaps.remedy == remedy


def test_a_day_is_not_missing_before_it_is_due():
    assert found(Strategy.LOG, 7, 8, clock=EARLY).missing_days == ()
    assert found(Strategy.LOG, 7, clock=EARLY).missing_days == march(8)
    # what sees only the present can fill yesterday alone
    assert found(Strategy.COMPARE, 7, clock=EARLY).remedy.endswith("--from 2026-03-08 --to 2026-03-09")


def test_days_that_nobody_looked_at_are_there_and_told():
    gaps = found(Strategy.COMPARE, 5, 6, 7, 8, 9, unseen=(6, 7))
    assert (gaps.missing_days, gaps.unseen_days) == ((), march(6, 7))


def test_neighbouring_days_are_told_as_a_span():
    assert day_spans(march(1, 2, 3, 7, 9, 10)) == "2026-03-01 to 2026-03-03, 2026-03-07, 2026-03-09 to 2026-03-10"
    assert day_spans(()) == ""
    assert day_spans(march(4)) == "2026-03-04"
    assert march(1)[0] + timedelta(days=1) == march(2)[0]
