"""The log as days: every change once and in order, days that can be run again, and a state equal to the source."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from refera_platform_tests.business import TODAY
from refera_platform_tests.checkout import declared_tables, find_table
from refera_platform_tests.ingest.logged_tables import differences_of, raw_of, states_of
from refera_platform_tests.local_stack import capture_all, captured, captures, context_of, owner

ONE = timedelta(days=1)
FIRST = TODAY - 4 * ONE
"""The day of the baseline; what happens on it happens before."""


def happen(shop, day, *statements):
    """Run statements on a day."""
    shop.at(day)
    for statement in statements:
        shop.run(statement)


def test_every_change_arrives_once_in_order_with_its_moment(stage, shop):
    captured(stage, "payments", FIRST)
    happen(
        shop,
        FIRST + ONE,
        "insert into payments values (12, 'N1', '2026-03-10', 1.00)",
        "update payments set amount = 2.00 where checkNumber = 'N1'",
        "update payments set amount = 3.00 where checkNumber = 'N1'",
        "update payments set checkNumber = 'N2' where checkNumber = 'N1'",
        "delete from payments where checkNumber = 'N2'",
        "insert into payments values (12, 'N1', '2026-03-11', 0)",
    )
    came = captured(stage, "payments", FIRST + ONE)
    rows = raw_of(stage, "payments", '_op, "checkNumber", amount, epoch(_changed_at)', FIRST + ONE)
    assert [row[:3] for row in rows] == [
        ("c", "N1", Decimal("1.00")),
        ("u", "N1", Decimal("2.00")),
        ("u", "N1", Decimal("3.00")),
        ("d", "N1", Decimal("3.00")),
        ("c", "N2", Decimal("3.00")),
        ("d", "N2", Decimal("3.00")),
        ("c", "N1", Decimal("0.00")),
    ]
    moment = datetime.combine(FIRST + ONE, datetime.min.time(), UTC).timestamp() + 12 * 3600
    assert {row[3] for row in rows} == {moment}
    assert dict(came.added) == {"c": 3, "d": 2, "u": 2}
    assert came.agrees
    assert came.source_rows == 4
    assert differences_of(stage, [find_table("payments")]) == {}


def test_all_tables_and_many_days_are_one_pass(stage, shop, monkeypatch):
    import refera_platform.source.mysql.binlog.transaction_reader as transactions

    capture_all(stage, FIRST)
    happen(shop, FIRST + ONE, "update orders set status = 'Shipped' where orderNumber = 103")
    happen(
        shop,
        FIRST + 3 * ONE,
        "delete from orderdetails where orderNumber = 103",
        "update products set MSRP = 1",
    )
    dumps = []
    genuine = transactions.dump_binlog
    monkeypatch.setattr(transactions, "dump_binlog", lambda *arguments: dumps.append(arguments) or genuine(*arguments))
    came = captures(stage, declared_tables(), *[FIRST + ONE * step for step in (1, 2, 3, 4)])
    assert len(dumps) == 1
    added = {
        one.table.name: [dict(filled.added) for filled in one.ingested_days[-4:]]
        for one in came
        if any(f.added for f in one.ingested_days)
    }
    assert added == {
        "orders": [{"u": 1}, {}, {}, {}],
        "orderdetails": [{}, {}, {"d": 1}, {}],
        "products": [{}, {}, {"u": 3}, {}],
    }
    assert differences_of(stage) == {}
    states = list(states_of(stage, "orders").values())
    assert [state.start_position for state in states[1:]] == [before.end_position for before in states[:-1]]
    assert [state.is_closed for state in states] == [True] * 4 + [False]  # it is still the last day's evening


def test_a_closed_day_run_again_gives_the_same_rows_and_a_lost_one_comes_back(stage, lake, shop):
    table = find_table("payments")
    captured(stage, "payments", FIRST)
    for step in (1, 2, 3):
        happen(shop, FIRST + step * ONE, f"update payments set amount = {step}", "delete from payments limit 1")
        captured(stage, "payments", FIRST + step * ONE)
    before = {step: raw_of(stage, table, "*", FIRST + step * ONE) for step in (1, 2, 3)}
    assert [len(rows) for rows in before.values()] == [4, 3, 2]
    captured(stage, "payments", FIRST + 2 * ONE)
    captured(stage, "payments", *[FIRST + step * ONE for step in (1, 2, 3)])
    assert {step: raw_of(stage, table, "*", FIRST + step * ONE) for step in (1, 2, 3)} == before
    for lost in ((2,), (1, 2)):
        for step in lost:
            key = next(item.key for day, item in lake.stored_days(table).items() if day == FIRST + step * ONE)
            lake.objects.remove(key)
        captured(stage, "payments", *[FIRST + step * ONE for step in lost])
        assert {step: raw_of(stage, table, "*", FIRST + step * ONE) for step in (1, 2, 3)} == before
    assert differences_of(stage, [table]) == {}


def test_today_run_again_extends_and_the_day_after_completes_it(stage, shop):
    captured(stage, "products", FIRST)
    noon = lambda day: datetime(day.year, day.month, day.day, 12, 30, tzinfo=UTC)  # noqa: E731
    for stock in (50, 51):
        happen(shop, FIRST + ONE, f"update products set quantityInStock = {stock} where productCode = 'P1'")
        came = captured_at(stage, noon(FIRST + ONE), "products", FIRST + ONE)
        assert not came.state.is_closed
    rows = raw_of(stage, "products", '_op, "quantityInStock", _position', FIRST + ONE)
    assert [row[:2] for row in rows] == [("u", 50), ("u", 51)]
    happen(shop, FIRST + ONE, "update products set quantityInStock = 52 where productCode = 'P1'")
    happen(shop, FIRST + 2 * ONE, "update products set quantityInStock = 53 where productCode = 'P1'")
    came = captured(stage, "products", FIRST + 2 * ONE)
    assert [(filled.day, dict(filled.added)) for filled in came.ingested_days] == [
        (FIRST + ONE, {"u": 1}),
        (FIRST + 2 * ONE, {"u": 1}),
    ]
    assert [row[0] for row in raw_of(stage, "products", '"quantityInStock"', FIRST + ONE)] == [50, 51, 52]
    assert [row[0] for row in raw_of(stage, "products", '"quantityInStock"', FIRST + 2 * ONE)] == [53]


def captured_at(stage, moment, name, *days):
    """Capture one table at a moment of the day."""
    from refera_platform.duckdb_session.scratch import scratch_folder
    from refera_platform.ingest.run import ingest_tables
    from refera_platform.source.connection import open_source

    at = stage.at_instant(moment)
    with scratch_folder(at) as folder, open_source(at, "classicmodels", folder) as source:
        (came,) = ingest_tables(context_of(at, source, folder), [find_table(name)], days)
        return came


def test_a_day_without_a_change_moves_the_position_on(stage, shop):
    captured(stage, "payments", FIRST)
    happen(shop, FIRST + ONE, "update offices set phone = '1'")
    captured(stage, "payments", FIRST + ONE)
    first, second = states_of(stage, "payments").values()
    assert second.row_count == 0
    assert second.start_position == first.end_position
    assert second.end_position > first.end_position


def test_rows_are_counted_by_what_came_and_went_and_anew_when_nobody_knows(stage, shop, monkeypatch):
    from refera_platform.source.mysql.server.mariadb import MariaDB

    genuine = MariaDB.begin_snapshot
    monkeypatch.setattr(MariaDB, "begin_snapshot", lambda server: replace(genuine(server), is_exact=False))
    captured(stage, "payments", FIRST)
    monkeypatch.undo()
    for step, statement in enumerate(
        [
            "insert into payments values (12, 'N1', '2026-03-10', 1)",
            "delete from payments where checkNumber in ('C1', 'N1')",
        ]
    ):
        happen(shop, FIRST + (step + 1) * ONE, statement)
        came = captured(stage, "payments", FIRST + (step + 1) * ONE)
        assert came.source_rows == came.lake_rows == (4, 2)[step]
    assert [state.table_rows for state in states_of(stage, "payments").values()] == [3, 4, 2]
    happen(shop, FIRST + 3 * ONE, "truncate table payments")
    assert captured(stage, "payments", FIRST + 3 * ONE).state.table_rows == 0


def test_the_order_of_days_is_the_log_s_also_when_a_clock_jumps(stage, shop):
    captured(stage, "payments", FIRST)
    happen(shop, FIRST + 2 * ONE, "update payments set amount = 2")
    happen(shop, FIRST + ONE, "update payments set amount = 1")
    shop.run("set timestamp = 4102444800")  # the year 2100
    shop.run("update payments set amount = 2100")
    happen(shop, FIRST + 2 * ONE, "update payments set amount = 3")
    happen(shop, FIRST + 3 * ONE, "update payments set amount = 4")
    captured(stage, "payments", FIRST + ONE, FIRST + 2 * ONE)
    assert raw_of(stage, "payments", "amount", FIRST + ONE) == []
    amounts = [int(row[0]) for row in raw_of(stage, "payments", "amount", FIRST + 2 * ONE)]
    assert amounts == [2] * 3 + [1] * 3
    came = captured_at(stage, datetime.now(UTC), "payments", *days_to_now())
    assert came.agrees
    assert differences_of(stage, [find_table("payments")]) == {}


def days_to_now():
    """Days from the one after those that were captured to the real today."""
    from refera_platform.lake.days import days_between

    return days_between(FIRST + 3 * ONE, datetime.now(UTC).date())


def test_a_workload_during_the_first_snapshot_leaves_no_gap_and_no_double(stage, shop, home):
    stop, done = threading.Event(), []

    def work():
        with owner(home) as connection, connection.cursor() as cursor:
            cursor.execute(f"set timestamp = {datetime(2026, 3, 10, 12, tzinfo=UTC).timestamp()}")
            while not stop.is_set():
                number = len(done)
                cursor.execute("insert into payments values (10, %s, '2026-03-10', %s)", (f"W{number}", number))
                cursor.execute("update payments set amount = amount + 1 where checkNumber = %s", (f"W{number // 2}",))
                cursor.execute("delete from payments where checkNumber = %s", (f"W{number // 3}",))
                done.append(number)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        while len(done) < 50:
            stop.wait(0.01)
        first = capture_all(stage, TODAY)
        count = len(done)
        while len(done) < count + 50:
            stop.wait(0.01)
        second = capture_all(stage, TODAY)
    finally:
        stop.set()
        worker.join()
    capture_all(stage, TODAY)
    assert all(one.agrees and one.duplicate_rows == 0 for one in (*first, *second))
    assert differences_of(stage) == {}
    # the cut is exact: nothing that the snapshot holds is told again by the log
    rows = raw_of(stage, "payments", '_op, "checkNumber"')
    created = [name for op, name in rows if op in "rc"]
    assert len(created) == len(set(created))


def test_a_table_that_is_added_later_catches_up_in_the_same_pass(stage, shop):
    captured(stage, "orders", FIRST)
    happen(shop, FIRST + ONE, "update orders set status = 'x'")
    captured(stage, "orders", FIRST + ONE)
    captures(stage, [find_table("payments")], FIRST + ONE)
    happen(shop, FIRST + 2 * ONE, "update orders set status = 'y'", "update payments set amount = 9")
    came = captures(stage, [find_table("orders"), find_table("payments")], FIRST + 2 * ONE)
    assert [dict(one.added) for one in came] == [{"u": 4}, {"u": 3}]
