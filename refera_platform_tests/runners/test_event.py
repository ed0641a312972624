"""An event is read, or refused in one sentence that names what is wrong with it; anybody may have written it."""

from datetime import UTC, date, datetime

import pytest

from refera_platform.errors import DayRefused, SettingError
from refera_platform.runners.aws_lambda.event import Operation, parse_event, require_days_in_calendar
from refera_platform.settings.stage import load_stage
from refera_platform_tests.checkout import declared_tables

pytestmark = pytest.mark.unit

ASKED = {"database": "classicmodels", "tables": ["orders"], "days": ["2026-11-26"], "stage": "production"}
PLAN = "0123456789abcdef" * 2


def test_days_of_tables() -> None:
    request = parse_event({**ASKED, "days": ["2026-11-26", "2026-11-25", "2026-11-26"]}, declared_tables())
    assert request.operation is Operation.INGEST
    assert [table.name for table in request.tables] == ["orders"]
    assert request.days == (date(2026, 11, 25), date(2026, 11, 26))


def test_every_table_in_the_order_of_the_catalogue() -> None:
    asked = {"database": "classicmodels", "stage": "production", "days": ["2026-11-26"]}
    names = [table.name for table in parse_event(asked, declared_tables()).tables]
    assert (names[0], len(names)) == ("orderdetails", 8)
    mixed = parse_event({**asked, "tables": ["orders", "orderdetails"], "afresh": ["orders"]}, declared_tables())
    assert [table.name for table in mixed.tables] == ["orderdetails", "orders"]
    assert mixed.resnapshot_tables == {"orders"}


def test_a_schedule_says_when_it_is() -> None:
    event = {"database": "classicmodels", "stage": "production", "scheduled_at": "2026-11-27T00:30:00Z"}
    assert parse_event(event, declared_tables()).scheduled_at == datetime(2026, 11, 27, 0, 30, tzinfo=UTC)


def test_a_piece() -> None:
    event = {
        "operation": "piece",
        "database": "classicmodels",
        "tables": ["orders"],
        "plan": PLAN,
        "piece": 7,
    }
    request = parse_event({**event, "stage": "test"}, declared_tables())
    assert (request.plan, request.chunk_number, request.tables[0].name) == (PLAN, 7, "orders")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"database": "mysql"}, "its database 'mysql' is none of classicmodels"),
        ({"database": None}, "its database None is none of"),
        ({"database": ["classicmodels"]}, "is none of classicmodels"),
        ({"tables": []}, "its list of tables is empty"),
        ({"tables": "orders"}, "its tables is a str and not a list"),
        ({"tables": ["orders; drop table orders"]}, "'orders; drop table orders', which is none of"),
        ({"tables": [["orders"]]}, "its tables names"),
        ({"tables": ["../../etc/passwd"]}, "which is none of"),
        ({"days": []}, "its days are not a list of 1 to 3660 days"),
        ({"days": ["2026-01-01"] * 3661}, "its days are not a list of 1 to 3660 days"),
        ({"days": "2026-11-26"}, "its days are not a list"),
        ({"days": ["2026-02-30"]}, "its day '2026-02-30' is not one"),
        ({"days": [20261126]}, "its day 20261126 is not one"),
        ({"days": ["2026-11-26' or '1'='1"]}, "is not one like"),
        ({"stage": ""}, "it names no stage"),
        ({"stage": 1}, "it names no stage"),
        ({"operation": "drop"}, "its operation 'drop' is none of capture, piece, doctor, log"),
        ({"operation": {"a": 1}}, "is none of capture"),
        ({"afresh": ["customers"]}, "its afresh names 'customers'"),
        ({"scheduled_at": "2026-11-27T00:30:00Z"}, "either days or scheduled_at"),
        ({"url": "mysql://root@somewhere"}, "it has 'url', and capture takes"),
        ({"REFERA_LAKE": "s3://other"}, "it has 'REFERA_LAKE'"),
        ({"x" * 500: 1}, "…, and capture takes"),
        ({"operation": "piece"}, "it has 'days', and piece takes"),
    ],
)
def test_what_is_refused(changed: dict[str, object], said: str) -> None:
    with pytest.raises(SettingError) as refused:
        parse_event({**ASKED, **changed}, declared_tables())
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"plan": "../other"}, "its plan '../other' is not the name of a plan"),
        ({"plan": PLAN + "\n"}, "is not the name of a plan"),
        ({"piece": -1}, "its piece -1 is not a number"),
        ({"piece": True}, "its piece True is not"),
        ({"piece": "7"}, "its piece '7' is not"),
        ({"tables": ["orders", "payments"]}, "a piece takes exactly one table"),
    ],
)
def test_what_is_refused_of_a_piece(changed: dict[str, object], said: str) -> None:
    event = {
        "operation": "piece",
        "database": "classicmodels",
        "tables": ["orders"],
        "plan": PLAN,
        "piece": 7,
        "stage": "x",
    }
    with pytest.raises(SettingError) as refused:
        parse_event({**event, **changed}, declared_tables())
    assert said in str(refused.value)


@pytest.mark.parametrize("event", [None, [], "text", 7, {1: 2}])
def test_what_is_no_object_at_all(event: object) -> None:
    with pytest.raises(SettingError, match="not a JSON object"):
        parse_event(event, declared_tables())


@pytest.mark.parametrize(
    "instant",
    [
        "yesterday",
        "2026-11-27",
        "2026-11-27T00:30:00",
        1764203400,
        "<aws.scheduler.scheduled-time>",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59-23:59",
    ],
)
def test_an_instant_that_is_none(instant: object) -> None:
    with pytest.raises(SettingError, match="is not an instant"):
        parse_event({"database": "classicmodels", "stage": "production", "scheduled_at": instant}, declared_tables())


NOON = "2026-03-10T12:00:00+00:00"
STAGE = {
    "REFERA_STAGE": "production",
    "REFERA_CLASSICMODELS_URL": "mariadb://reader@db.invalid/classicmodels",
    "REFERA_LAKE": "s3://lake/raw",
    "REFERA_WAREHOUSE": "s3://lake/warehouse",
    "REFERA_NOW": NOON,
}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        pytest.param({"days": ["2026-03-11"]}, r"Day 2026-03-11 has not begun \(today is", id="tomorrow"),
        pytest.param({"days": ["2026-03-09", "2199-01-01"]}, r"Day 2199-01-01 has not begun", id="one-of-two"),
        pytest.param({"days": ["1999-01-01"]}, r"1999-01-01 is before 2026-01-01, the first day", id="too-old"),
        pytest.param(
            {"days": [f"{date.fromordinal(number)}" for number in range(date(2017, 1, 1).toordinal(), 739600)][:3660]},
            r"2017-01-01 is before 2026-01-01",
            id="ten-years",
        ),
        pytest.param(
            {"scheduled_at": "2199-01-01T00:00:00Z"},
            r"schedule of 2199-01-01T00:00:00\+00:00 is more than a day after now \(2026-03-10T12:00Z\)",
            id="schedule-of-2199",
        ),
        pytest.param({"scheduled_at": "2026-03-11T12:00:01Z"}, "more than a day after now", id="a-second-more"),
        pytest.param({"scheduled_at": "2026-03-12T01:00:00+12:00"}, "more than a day", id="other-zone"),
        pytest.param(
            {"scheduled_at": "2026-01-01T23:59:59Z"}, "2025-12-31 is before 2026-01-01", id="schedule-too-old"
        ),
    ],
)
def test_a_day_that_the_calendar_has_not_is_refused(asked: dict[str, object], said: str) -> None:
    request = parse_event({"database": "classicmodels", "stage": "production", **asked}, declared_tables())
    with pytest.raises(DayRefused, match=said) as refused:
        require_days_in_calendar(request, load_stage(STAGE))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "asked",
    [
        {"days": ["2026-01-01", "2026-03-10"]},
        {"scheduled_at": "2026-03-11T12:00:00Z"},
        {"scheduled_at": "2026-01-02T00:30:00Z"},
        {"operation": "log"},
    ],
)
def test_a_day_that_the_calendar_has_is_taken(asked: dict[str, object]) -> None:
    request = parse_event({"database": "classicmodels", "stage": "production", **asked}, declared_tables())
    require_days_in_calendar(request, load_stage(STAGE))


def test_today_is_the_stages_own() -> None:
    tokyo = load_stage({**STAGE, "REFERA_TIME_ZONE": "Asia/Tokyo", "REFERA_NOW": "2026-03-10T15:30:00+00:00"})
    require_days_in_calendar(parse_event({**ASKED, "days": ["2026-03-11"]}, declared_tables()), tokyo)
    with pytest.raises(DayRefused, match="2026-03-12 has not begun"):
        require_days_in_calendar(parse_event({**ASKED, "days": ["2026-03-12"]}, declared_tables()), tokyo)
