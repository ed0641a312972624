"""From the source to committed objects: nothing is lost, nothing is twice, and the object tells its own story."""

import hmac
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from refera_platform.errors import DayRefused, LakeError, SettingError
from refera_platform.ingest import query_writer
from refera_platform.ingest.query_based import ingest_table
from refera_platform.lake.lake import current_state, raw_rows
from refera_platform.lake.objects import ObjectRoot
from refera_platform.source.table import Strategy
from refera_platform_tests.business import TODAY
from refera_platform_tests.checkout import declare, declared_tables, find_table
from refera_platform_tests.local_stack import capture_all, captured, context_of, source_of

YESTERDAY = TODAY - timedelta(days=1)


@pytest.fixture(autouse=True)
def compared(monkeypatch):
    """The catalogue's tables, each compared with the lake."""
    tables = tuple(replace(table, strategy=Strategy.COMPARE) for table in declared_tables())
    declare(monkeypatch, *tables)


def state_of(stage, lake, name, columns="*"):
    """The lake's current state of a table, as a set of rows."""
    table = find_table(name)
    with source_of(stage) as source:
        there = current_state(table, lake.days(table, source.connection))
        return set(source.connection.execute(f"select {columns} from {there}").fetchall())


def changes_of(stage, lake, name, columns):
    """Every raw row of a table, in the order of its position."""
    table = find_table(name)
    with source_of(stage) as source:
        urls = [item.url for item in lake.stored_days(table).values()]
        return source.connection.execute(f"select {columns} from {raw_rows(urls)} order by _position").fetchall()


def test_the_first_capture_reads_every_row_and_the_next_only_what_changed(stage, lake, shop):
    first = captured(stage, "orders", YESTERDAY)
    assert dict(first.added) == {"r": 4}
    shop.run("update orders set status = 'Shipped', shippedDate = '2026-03-09' where orderNumber = 103")
    shop.run("insert into orders values (101, '2026-03-09', '2026-03-20', null, 'In Process', null, 10)")
    shop.run("delete from orderdetails where orderNumber = 104")
    shop.run("delete from orders where orderNumber = 104")
    second = captured(stage, "orders", TODAY)
    assert dict(second.added) == {"c": 1, "d": 1, "u": 1}
    assert second.agrees
    assert state_of(stage, lake, "orders", '"orderNumber", status, "shippedDate"') == {
        (100, "Shipped", date(2026, 1, 10)),
        (101, "In Process", None),
        (102, "Shipped", date(2026, 1, 28)),
        (103, "Shipped", date(2026, 3, 9)),
    }


def test_a_deleted_row_keeps_its_last_known_values(stage, lake, shop):
    captured(stage, "payments", YESTERDAY)
    shop.run("update payments set amount = 61.50 where checkNumber = 'C2'")
    captured(stage, "payments", YESTERDAY)
    shop.run("delete from payments where checkNumber = 'C2'")
    captured(stage, "payments", TODAY)
    rows = changes_of(stage, lake, "payments", '_op, "checkNumber", amount')
    assert [row for row in rows if row[1] == "C2"] == [
        ("r", "C2", Decimal("60.00")),
        ("u", "C2", Decimal("61.50")),
        ("d", "C2", Decimal("61.50")),
    ]


UPDATED, REKEYED = {"u": 1}, {"c": 1, "d": 1}
RENAMED_LINE = (
    "insert into productlines select 'Ships', textDescription, htmlDescription, image from productlines"
    " where productLine = 'Boats'",
    "update products set productLine = 'Ships' where productLine = 'Boats'",
    "delete from productlines where productLine = 'Boats'",
)
SILENT_CHANGES = {
    "stock": ("products", ["update products set quantityInStock = 99 where productCode = 'P1'"], UPDATED),
    "rep": (
        "customers",
        ["update customers set salesRepEmployeeNumber = 5 where customerNumber = 10"],
        UPDATED,
    ),
    "zero to NULL": (
        "customers",
        ["update customers set creditLimit = null where customerNumber = 11"],
        UPDATED,
    ),
    "empty to NULL": ("offices", ["update offices set addressLine2 = null where officeCode = '2'"], UPDATED),
    "one blank less": (
        "customers",
        ["update customers set city = 'Auckland ' where customerNumber = 10"],
        UPDATED,
    ),
    "CR LF to LF": ("orders", ["update orders set comments = 'late\\né' where orderNumber = 102"], UPDATED),
    "a line": ("orderdetails", ["delete from orderdetails where orderNumber = 103"], {"d": 1}),
    "a key": ("payments", ["update payments set checkNumber = 'C9' where checkNumber = 'C1'"], REKEYED),
    "a renamed product line": ("productlines", RENAMED_LINE, REKEYED),
}


@pytest.mark.parametrize(("table", "statements", "added"), SILENT_CHANGES.values(), ids=SILENT_CHANGES)
def test_a_change_that_carries_no_timestamp_arrives(stage, lake, shop, table, statements, added):
    captured(stage, table, YESTERDAY)
    for statement in statements:
        assert shop.run(statement) >= 1
    found = captured(stage, table, TODAY)
    assert dict(found.added) == added
    assert found.agrees


def test_a_row_that_came_back_after_its_deletion_is_there_once(stage, lake, shop):
    captured(stage, "payments", YESTERDAY)
    shop.run("delete from payments where checkNumber = 'C1'")
    captured(stage, "payments", TODAY)
    shop.run("insert into payments values (10, 'C1', '2026-03-10', 5.00)")
    captured(stage, "payments", TODAY)
    assert (10, "C1", Decimal("5.00")) in state_of(stage, lake, "payments", '"customerNumber", "checkNumber", amount')
    assert len(state_of(stage, lake, "payments")) == 3


def test_a_closed_day_run_again_is_the_same_object(stage, lake, shop):
    capture_all(stage, TODAY)
    before = {table.name: lake.stored_days(table) for table in declared_tables()}
    capture_all(stage, TODAY)
    assert {table.name: lake.stored_days(table) for table in declared_tables()} == before


def test_today_run_again_extends_and_keeps_what_it_saw_before(stage, lake, shop):
    captured(stage, "products", TODAY)
    for stock in (50, 51):
        shop.run("update products set quantityInStock = %s where productCode = 'P1'", (stock,))
        captured(stage, "products", TODAY)
    rows = changes_of(stage, lake, "products", '_op, "quantityInStock", _position')
    seen = [row for row in rows if row[2] == max(rows)[2] or row[1] in (50, 51)]
    assert [row[:2] for row in seen] == [("u", 50), ("u", 51)]
    assert len({row[2] for row in rows}) == len(rows) == 5


def test_a_day_without_changes_is_an_empty_object_with_the_whole_schema(stage, lake, shop):
    captured(stage, "orders", YESTERDAY)
    captured(stage, "orders", TODAY)
    with source_of(stage) as source:
        item = lake.days(find_table("orders"), source.connection)[TODAY]
        described = source.connection.execute(f"describe select * from {raw_rows([item.stored.url])}").fetchall()
        assert source.connection.execute(f"select count(*) from {raw_rows([item.stored.url])}").fetchone() == (0,)
    assert item.state.row_count == 0
    assert item.state.is_observed
    assert [row[:2] for row in described] == [
        ("orderNumber", "INTEGER"),
        ("orderDate", "DATE"),
        ("requiredDate", "DATE"),
        ("shippedDate", "DATE"),
        ("status", "VARCHAR"),
        ("comments", "VARCHAR"),
        ("customerNumber", "INTEGER"),
        ("_op", "VARCHAR"),
        ("_changed_at", "TIMESTAMP WITH TIME ZONE"),
        ("_position", "VARCHAR"),
    ]


def test_missed_days_are_refused_and_then_closed_as_never_looked_at(stage, lake, shop):
    captured(stage, "orders", TODAY - timedelta(days=4))
    shop.run("update orders set status = 'Resolved' where orderNumber = 103")
    with pytest.raises(DayRefused, match=r"--from 2026-03-07 --to 2026-03-10"):
        captured(stage, "orders", TODAY)
    assert list(lake.stored_days(find_table("orders"))) == [TODAY - timedelta(days=4)]
    days = [TODAY - timedelta(days=back) for back in (3, 2, 1, 0)]
    found = captured(stage, "orders", *days)
    assert found.unseen_days == tuple(days[:3])
    assert dict(found.added) == {"u": 1}
    with source_of(stage) as source:
        known = lake.days(find_table("orders"), source.connection)
    assert [item.state.is_observed for item in known.values()] == [True, False, False, False, True]


def test_the_object_carries_its_own_state(stage, lake, shop):
    captured(stage, "customers", YESTERDAY)
    shop.run("update customers set creditLimit = 1 where customerNumber = 10")
    captured(stage, "customers", TODAY)
    with source_of(stage) as source:
        state = lake.days(find_table("customers"), source.connection)[TODAY].state
        server = source.identity().server
    assert (state.database, state.table, state.day, state.strategy) == (
        "classicmodels",
        "customers",
        TODAY,
        "compare",
    )
    assert state.server == server
    assert state.server.startswith("mariadb:")
    assert dict(state.rows) == {"u": 1}
    assert state.columns["creditLimit"] == "DECIMAL(10,2)"
    assert state.start_position < state.end_position
    assert state.start_position.startswith("2026-03-09T23:59:59")


def test_a_day_that_a_killed_range_closed_unseen_is_seen_when_it_is_captured(stage, lake, shop, monkeypatch):
    captured(stage, "orders", TODAY - timedelta(days=2))
    whole = query_writer._added_rows

    class KilledError(BaseException):
        """The process is gone."""

    def killed(*arguments):
        raise KilledError

    monkeypatch.setattr(query_writer, "_added_rows", killed)
    with pytest.raises(KilledError):
        captured(stage, "orders", YESTERDAY, TODAY)
    monkeypatch.setattr(query_writer, "_added_rows", whole)
    found = captured(stage, "orders", YESTERDAY)
    assert found.state.is_observed
    with source_of(stage) as source:
        known = lake.days(find_table("orders"), source.connection)
    assert [item.state.is_observed for item in known.values()] == [True, True]


def test_another_server_behind_the_same_address_is_refused(stage, lake, shop, monkeypatch):
    captured(stage, "offices", YESTERDAY)
    with source_of(stage) as source:
        identity = replace(source.identity(), server="mariadb:1")
    monkeypatch.setattr("refera_platform.source.connection.Source.identity", lambda self: identity)
    with pytest.raises(LakeError, match=r"was captured from mariadb:.* and now mariadb:1/classicmodels answers"):
        captured(stage, "offices", TODAY)


def test_a_new_baseline_takes_another_servers_rows_and_writes_the_deletes_it_implies(stage, lake, shop, monkeypatch):
    captured(stage, "payments", YESTERDAY)
    captured(stage, "payments", TODAY)
    shop.run("delete from payments where checkNumber = 'C1'")
    shop.run("update payments set amount = 7.00 where checkNumber = 'C2'")
    shop.run("insert into payments values (12, 'N1', '2026-03-10', 1.00)")
    with source_of(stage) as source:
        identity = replace(source.identity(), server="mariadb:1")
    monkeypatch.setattr("refera_platform.source.connection.Source.identity", lambda self: identity)
    with pytest.raises(
        LakeError,
        match=r"take a new snapshot from the new server: refera resnapshot classicmodels\.payments",
    ):
        captured(stage, "payments", TODAY)
    found = captured(stage, "payments", TODAY, afresh=True)
    assert dict(found.added) == dict(found.state.rows) == {"d": 1, "r": 3}
    assert (found.agrees, found.duplicate_rows, found.state.server) == (True, 0, "mariadb:1")
    rows = changes_of(stage, lake, "payments", '_op, "checkNumber", amount')
    assert rows[3:] == [
        ("d", "C1", Decimal("48.98")),
        ("r", "C2", Decimal("7.00")),
        ("r", "C3", Decimal("0.01")),
        ("r", "N1", Decimal("1.00")),
    ]
    assert {row[0] for row in state_of(stage, lake, "payments", '"checkNumber"')} == {"C2", "C3", "N1"}
    assert dict(captured(stage, "payments", TODAY).added) == {}


def test_a_new_baseline_of_an_empty_lake_and_of_a_snapshot_table_is_the_table(stage, lake, shop, monkeypatch):
    assert dict(captured(stage, "offices", TODAY, afresh=True).added) == {"r": 2}
    table = replace(find_table("payments"), strategy=Strategy.SNAPSHOT)
    declare(monkeypatch, table)
    captured(stage, "payments", TODAY)
    before = lake.stored_days(table)
    assert dict(captured(stage, "payments", TODAY, afresh=True).state.rows) == {"r": 3}
    assert lake.stored_days(table) != before


def test_private_columns_stay_behind_and_hashed_ones_arrive_as_hashes(stage, lake, shop, monkeypatch):
    key = b"a key of more than sixteen bytes"
    plain = find_table("employees")
    table = replace(plain, private=frozenset({"email"}), hashed=frozenset({"lastName", "reportsTo"}))
    declare(monkeypatch, table)
    with pytest.raises(SettingError, match="REFERA_HASH_KEY"):
        captured(stage, "employees", TODAY)
    assert not lake.stored_days(table)
    found = captured(replace(stage, hash_key=key), "employees", TODAY)
    assert "email" not in found.state.columns
    assert (found.state.columns["lastName"], found.state.columns["reportsTo"]) == ("VARCHAR", "VARCHAR")
    names, bosses = (
        {None if value is None else hmac.new(key, value, "sha256").hexdigest() for value in values}
        for values in ([b"Mello", b"Costa", b"Dias", "Évora".encode(), b"Faria"], [None, b"1", b"2", b"3"])
    )
    assert {row[0] for row in state_of(stage, lake, "employees", '"lastName"')} == names
    assert {row[0] for row in state_of(stage, lake, "employees", '"reportsTo"')} == bosses
    assert dict(captured(replace(stage, hash_key=key), "employees", TODAY).added) == {}


def test_a_log_table_is_not_captured_here(stage, lake, shop, tmp_path):
    table = replace(find_table("payments"), strategy=Strategy.LOG)
    with (
        source_of(stage) as source,
        pytest.raises(ValueError, match=r"classicmodels\.payments is read from the binlog"),
    ):
        ingest_table(context_of(stage, source, tmp_path), table, [TODAY])


def test_a_run_that_was_overtaken_writes_nothing(stage, lake, shop, monkeypatch):
    captured(stage, "payments", TODAY)
    shop.run("insert into payments values (12, 'N1', '2026-03-10', 1.00)")
    put = ObjectRoot.put

    def overtaken(root, key, path, *, replaces):
        """Another run commits between our read of the day and our write of it, and knows more than we do."""
        monkeypatch.setattr(ObjectRoot, "put", put)
        shop.run("insert into payments values (12, 'N2', '2026-03-10', 2.00)")
        captured(stage, "payments", TODAY)
        return put(root, key, path, replaces=replaces)

    monkeypatch.setattr(ObjectRoot, "put", overtaken)
    with pytest.raises(LakeError, match=r"Another run wrote s3://.*payments/day=2026-03-10.* run it again"):
        captured(stage, "payments", TODAY)
    positions = changes_of(stage, lake, "payments", "_position")
    assert len(positions) == len(set(positions)) == 5
    assert dict(captured(stage, "payments", TODAY).added) == {}


def test_two_runs_that_write_the_same_bytes_are_both_right(stage, lake, shop, monkeypatch):
    """What this run wanted to write is there, once: whoever wrote it."""
    captured(stage, "payments", TODAY)
    shop.run("insert into payments values (12, 'N1', '2026-03-10', 1.00)")
    put = ObjectRoot.put

    def same(root, key, path, *, replaces):
        put(root, key, path, replaces=replaces)
        return put(root, key, path, replaces=replaces)

    monkeypatch.setattr(ObjectRoot, "put", same)
    assert dict(captured(stage, "payments", TODAY).added) == {"c": 1}
    assert len(changes_of(stage, lake, "payments", "_position")) == 4


def test_a_snapshot_table_is_a_copy_a_day(stage, lake, shop, monkeypatch):
    table = replace(find_table("payments"), strategy=Strategy.SNAPSHOT)
    declare(monkeypatch, table)
    captured(stage, "payments", YESTERDAY)
    shop.run("delete from payments where checkNumber = 'C1'")
    assert dict(captured(stage, "payments", TODAY).added) == {"r": 2}
    before = lake.stored_days(table)
    assert dict(captured(stage, "payments", TODAY).added) == {}
    assert lake.stored_days(table) == before
    with source_of(stage) as source:
        known = lake.days(table, source.connection)
        there = current_state(table, known)
        assert source.connection.execute(f"select count(*) from {there}").fetchone() == (2,)
    assert [dict(item.state.rows) for item in known.values()] == [{"r": 3}, {"r": 2}]


def test_strangers_in_the_folder_are_passed_over_and_a_damaged_object_is_named(stage, lake, shop):
    captured(stage, "offices", TODAY)
    root = ObjectRoot(stage.lake, stage.store)
    root.write("classicmodels/offices/notes.txt", b"hello")
    root.write("classicmodels/offices/day=2026-02-30/part-0.parquet", b"no such day")
    captured(stage, "offices", TODAY)
    root.write("classicmodels/offices/day=2026-03-10/part-0.parquet", b"PAR1 not parquet PAR1")
    with pytest.raises(LakeError, match=r"(?s)The lake could not be read.*offices/day=2026-03-10/part-0.parquet"):
        captured(stage, "offices", TODAY)


def test_an_object_larger_than_one_request_travels_in_parts(stage, tmp_path, monkeypatch):
    monkeypatch.setattr("refera_platform.lake.objects.MAX_SINGLE_PUT_BYTES", 1 << 20)
    monkeypatch.setattr("refera_platform.lake.objects.UPLOAD_PART_BYTES", 5 << 20)
    big = tmp_path / "big"
    big.write_bytes(bytes(range(256)) * 45_000)
    root = ObjectRoot(stage.lake, stage.store)
    etag = root.put("x/big", big, replaces=None)
    assert root.read("x/big") == (big.read_bytes(), etag)
    big.write_bytes(bytes(range(255, -1, -1)) * 45_000)
    with pytest.raises(LakeError, match=r"Another run wrote"):
        root.put("x/big", big, replaces=None)
    assert root.put("x/big", big, replaces=etag)
