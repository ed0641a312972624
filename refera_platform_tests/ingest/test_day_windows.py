"""Which stretch of the log is whose day: closed days between known places, open days to the end, gaps refused."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from refera_platform.clock import Clock
from refera_platform.errors import DayRefused
from refera_platform.ingest.stream.day_windows import plan_stream_days, windows_after, windows_to_today
from refera_platform.lake.object_state import RawState
from refera_platform.source.position import Position

pytestmark = pytest.mark.unit

MONDAY = date(2026, 3, 9)
ONE = timedelta(days=1)
DAYS = [MONDAY + ONE * step for step in range(7)]
NOON = Clock(fixed=datetime(2026, 3, 13, 12, tzinfo=UTC))  # Friday


def place(number):
    return Position(file="binlog.000001", offset=number)


def state(day, start, end, **changes):
    """What a log table's day says of itself: from one place to another."""
    known = {"is_closed": True, "resume_position": str(place(end)), "strategy": "log"} | changes
    return RawState(
        database="shop",
        table="t",
        day=day,
        server="s",
        schema="shop",
        start_position=str(place(start)) if start else "",
        end_position=str(place(end)),
        **known,
    )


def known(*states):
    return {each.day: each for each in states}


def windows(requested, states, clock=NOON):
    """Day, start, end and whether it extends, of each window."""
    found = plan_stream_days("shop.t", requested, known(*states), clock).windows
    offset = lambda position: position.offset if position else None  # noqa: E731
    return [(each.day, offset(each.start), offset(each.end), each.is_extension) for each in found]


FIRST = state(DAYS[0], 0, 100, baseline=1, is_replayable=False)


def test_without_a_log_state_the_newest_day_gets_a_baseline():
    for states in ([], [state(DAYS[3], 0, 5, strategy="compare")]):
        found = plan_stream_days("shop.t", [DAYS[3]], known(*states), NOON)
        assert found.windows == ()
        assert found.snapshot is not None
        assert found.snapshot.day_to_fill == DAYS[3]
    with pytest.raises(DayRefused, match=r"Day 2026-03-10 of shop.t is over.*refera run --day 2026-03-12"):
        plan_stream_days("shop.t", [DAYS[1]], {}, NOON)


def test_a_day_begins_where_the_day_before_ended_and_many_days_follow_each_other():
    assert windows([DAYS[1]], [FIRST]) == [(DAYS[1], 100, None, False)]
    assert windows(DAYS[1:4], [FIRST]) == [
        (DAYS[1], 100, None, False),
        (DAYS[2], None, None, False),
        (DAYS[3], None, None, False),
    ]


def test_a_day_that_is_over_stays_as_it_is():
    states = [FIRST, state(DAYS[1], 100, 200), state(DAYS[2], 200, 300)]
    for requested in ([DAYS[1]], [DAYS[2]], DAYS[:3]):
        found = plan_stream_days("shop.t", requested, known(*states), NOON)
        assert (found.unchanged_days, found.windows, found.snapshot) == (tuple(requested), (), None)


def test_a_lost_day_is_filled_exactly_between_its_neighbours():
    states = [FIRST, state(DAYS[1], 100, 200), state(DAYS[4], 500, 600)]
    assert windows([DAYS[2], DAYS[3]], states) == [(DAYS[2], 200, None, False), (DAYS[3], None, 500, False)]
    assert windows([DAYS[2]], states) == [(DAYS[2], 200, None, False)]


def test_an_open_day_is_extended_and_the_next_one_can_follow_in_the_same_pass():
    states = [state(DAYS[2], 0, 100, baseline=1), state(DAYS[3], 100, 200, is_closed=False)]
    assert windows([DAYS[3]], states) == [(DAYS[3], 200, None, True)]
    for requested in ([DAYS[3], DAYS[4]], [DAYS[4]]):  # it is completed on the way
        assert windows(requested, states) == [(DAYS[3], 200, None, True), (DAYS[4], None, None, False)]


def test_a_transaction_prepared_before_a_day_is_read_from_where_it_was_prepared():
    states = [FIRST, state(DAYS[1], 100, 200, resume_position=str(place(150))), state(DAYS[3], 300, 400)]
    (lost,) = plan_stream_days("shop.t", [DAYS[2]], known(*states), NOON).windows
    (newest,) = plan_stream_days("shop.t", [DAYS[2]], known(*states[:2]), NOON).windows
    assert lost.resume_position == newest.resume_position == place(150)
    assert (lost.end, newest.end) == (place(300), None)


def test_days_that_settle_what_the_log_left_open_go_on_to_today():
    (window,) = plan_stream_days("shop.t", [DAYS[1]], known(FIRST), NOON).windows
    found = windows_after(window.day, place(200), place(150), NOON)
    assert [each.day for each in found] == DAYS[2:5]
    assert [(each.start, each.resume_position) for each in found] == [
        (place(200), place(150)),
        (None, None),
        (None, None),
    ]
    assert {each.end for each in found} == {None}


def test_a_table_goes_on_to_today_from_its_newest_day_whether_that_is_over_or_not():
    for is_closed, days in ((True, DAYS[2:5]), (False, DAYS[1:5])):
        found = windows_to_today(state(DAYS[1], 100, 200, is_closed=is_closed), NOON)
        assert [each.day for each in found] == days
        assert [each.start for each in found] == [place(200), *[None] * (len(days) - 1)]
        assert [each.is_extension for each in found] == [not is_closed, *[False] * (len(days) - 1)]


def test_the_rest_of_an_open_day_comes_after_the_days_before_it():
    states = [FIRST, state(DAYS[2], 200, 300), state(DAYS[3], 300, 400, is_closed=False)]
    assert [day for day, *_ in windows([DAYS[1], DAYS[4]], states)] == [DAYS[1], DAYS[3], DAYS[4]]


def test_what_lies_before_the_last_baseline_stays_also_when_it_was_open():
    states = [FIRST, state(DAYS[1], 100, 200, is_closed=False), state(DAYS[2], 10, 20, baseline=1)]
    found = plan_stream_days("shop.t", DAYS[1:4], known(*states), NOON)
    assert found.unchanged_days == (DAYS[1], DAYS[2])
    assert [each.day for each in found.windows] == [DAYS[3]]


def test_lost_days_that_are_not_neighbours_are_asked_for_together():
    states = [FIRST, *(state(DAYS[step], 100 * step, 100 * step + 100) for step in (2, 4))]
    clock = Clock(fixed=datetime(2026, 3, 15, 12, tzinfo=UTC))
    with pytest.raises(
        DayRefused, match=r"for 2026-03-10, 2026-03-12 do not exist in the lake.*--from 2026-03-10 --to 2026-03-12"
    ):
        plan_stream_days("shop.t", [DAYS[5]], known(*states), clock)
    assert [day for day, *_ in windows(DAYS[1:4], states, clock)] == [DAYS[1], DAYS[3]]
    assert [day for day, *_ in windows([DAYS[1]], states, clock)] == [DAYS[1]]


def test_what_was_compared_before_the_log_was_read_needs_no_chain():
    instant = "2026-03-09T23:59:59+00:00"
    compared = replace(state(DAYS[0], 0, 1, strategy="compare"), end_position=instant)
    switched = replace(state(DAYS[2], 0, 300, baseline=1), start_position=instant)
    assert windows([DAYS[3]], [compared, switched]) == [(DAYS[3], 300, None, False)]


REFUSALS = {
    "not begun": ([DAYS[5]], [FIRST], r"Day 2026-03-14 of shop.t has not begun"),
    "before the first": (
        [MONDAY - ONE],
        [FIRST],
        r"before 2026-03-09, the day of its first capture: the lake has the table's changes from that day on",
    ),
    "an object that is gone": (
        [DAYS[4]],
        [FIRST, state(DAYS[1], 100, 200), state(DAYS[3], 300, 400)],
        r"objects of shop.t for 2026-03-11 do not exist .*refera run --day 2026-03-11",
    ),
    "objects that are gone": (
        [DAYS[4]],
        [FIRST, state(DAYS[3], 300, 400)],
        r"for 2026-03-10, 2026-03-11 do not exist .*refera run --from 2026-03-10 --to 2026-03-11",
    ),
    "the baseline is gone": (
        [DAYS[2]],
        [state(DAYS[1], 100, 200)],
        r"snapshot of shop.t does not exist in the lake, and day 2026-03-10 .*refera resnapshot shop.t",
    ),
    "an object of another lake": (
        [DAYS[2]],
        [FIRST, state(DAYS[1], 90, 200)],
        r"Day 2026-03-10 of shop.t begins at binlog position binlog.000001:90, and the day before it ends at binlog.000001:100",
    ),
    "a gap": (
        [DAYS[3]],
        [FIRST],
        r"cannot follow day 2026-03-09: 2026-03-10 to 2026-03-11 were never captured; .*refera run --from 2026-03-10 --to 2026-03-12",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_day_that_cannot_be_had_is_refused_with_the_command_that_can(case):
    requested, states, said = REFUSALS[case]
    with pytest.raises(DayRefused, match=said):
        plan_stream_days("shop.t", requested, known(*states), NOON)


def test_midnight_is_that_of_the_stage_s_time_zone():
    clock = Clock(time_zone="America/Sao_Paulo", fixed=NOON.fixed)
    (window,) = plan_stream_days("shop.t", [DAYS[1]], known(FIRST), clock).windows
    assert datetime.fromtimestamp(window.midnight_seconds, UTC) == datetime(2026, 3, 11, 3, tzinfo=UTC)
