"""Changes that no row event tells, or tells in its own way: TRUNCATE, REPLACE, cascades, XA, DDL of every kind."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from refera_platform.errors import LakeError
from refera_platform.ingest.result import IngestFailure
from refera_platform.source.table import SourceTable
from refera_platform_tests.business import TODAY
from refera_platform_tests.checkout import declared_tables, find_table
from refera_platform_tests.ingest.logged_tables import differences_of, raw_of, states_of
from refera_platform_tests.local_stack import captured, captures, context_of, root

ONE = timedelta(days=1)
YESTERDAY = TODAY - ONE
PAYMENTS = find_table("payments")


def operations(stage, table, columns='_op, "checkNumber", amount'):
    """What today's object of a table tells."""
    return raw_of(stage, table, columns, TODAY)


def test_truncate_is_a_delete_of_every_row_with_its_last_values_at_its_place(stage, shop):
    captured(stage, "payments", YESTERDAY)
    shop.run("update payments set amount = 7 where checkNumber = 'C2'")
    shop.run("truncate table payments")
    shop.run("insert into payments values (10, 'C1', '2026-03-10', 1.00)")
    came = captured(stage, "payments", TODAY)
    assert [row[0] for row in operations(stage, PAYMENTS)] == ["u", "d", "d", "d", "c"]
    assert ("d", "C2", Decimal("7.00")) in operations(stage, PAYMENTS)
    assert came.agrees
    assert differences_of(stage, [PAYMENTS]) == {}
    assert states_of(stage, PAYMENTS)[TODAY].is_replayable


def test_inserts_that_find_the_row_there_are_updates_and_replace_is_one_too(stage, shop):
    captured(stage, "payments", YESTERDAY)
    shop.run("insert into payments values (10, 'C1', '2026-03-10', 1.00) on duplicate key update amount = amount + 1")
    shop.run("replace into payments values (11, 'C2', '2026-03-10', 2.00)")
    shop.run("insert ignore into payments values (11, 'C3', '2026-03-10', 3.00)")
    captured(stage, "payments", TODAY)
    assert [row[0] for row in operations(stage, PAYMENTS)] in (["u", "u"], ["u", "d", "c"])
    assert differences_of(stage, [PAYMENTS]) == {}


def test_rows_that_go_with_those_they_refer_to_are_found_though_no_log_tells_them(stage, shop):
    tables = [
        SourceTable(database="classicmodels", name=name, key=("id",), about="Family.")
        for name in ("parent", "child", "grandchild")
    ]
    shop.run("create table parent (id int primary key, code int unique)")
    shop.run(
        "create table child (id int primary key, parent int, code int, foreign key (parent) references parent(id) on delete"
        " cascade, foreign key (code) references parent(code) on update cascade on delete set null)"
    )
    shop.run(
        "create table grandchild (id int primary key, child int, foreign key (child) references child(id) on delete cascade)"
    )
    for step in (1, 2, 3):
        shop.run(f"insert into parent values ({step}, {step * 10})")
        shop.run(f"insert into child values ({step}, {step}, {step * 10})")
        shop.run(f"insert into grandchild values ({step}, {step})")
    captures(stage, tables, YESTERDAY)
    shop.run("update parent set code = 21 where id = 2")
    shop.run("delete from parent where id = 1")
    captures(stage, tables, TODAY)
    assert differences_of(stage, tables) == {}
    assert raw_of(stage, tables[1], "_op, id, code", TODAY) == [("d", 1, 10), ("u", 2, 21)]
    assert raw_of(stage, tables[2], "_op, id", TODAY) == [("d", 1)]
    shop.run("update parent set id = id where id = 3")
    shop.run("insert into parent values (4, 40)")
    captures(stage, tables, TODAY + ONE)
    assert all(state.is_replayable for state in [states_of(stage, tables[1])[TODAY + ONE]])


def test_an_xa_transaction_belongs_to_the_day_of_its_commit(stage, shop):
    captured(stage, "payments", YESTERDAY - ONE)
    shop.at(YESTERDAY)
    shop.run("xa start 'long'")
    shop.run("update payments set amount = 1")
    shop.run("xa end 'long'")
    shop.run("xa prepare 'long'")
    came = captured(stage, "payments", YESTERDAY)
    assert came.state.resume_position < came.state.end_position
    shop.at(TODAY)
    shop.run("xa commit 'long'")
    captured(stage, "payments", TODAY)
    assert raw_of(stage, PAYMENTS, "_op", YESTERDAY) == []
    assert [row[0] for row in operations(stage, PAYMENTS)] == ["u", "u", "u"]
    assert differences_of(stage, [PAYMENTS]) == {}


COMPATIBLE = {
    "added with a default": ["alter table payments add column currency char(3) not null default 'EUR'"],
    "added and used": [
        "alter table payments add column note text",
        "update payments set note = 'é' where checkNumber = 'C1'",
    ],
    "added in front": ["alter table payments add column first int first", "update payments set first = 1"],
    "dropped": [
        "update payments set amount = 5",
        "alter table payments drop column paymentDate",
        "update payments set amount = 6",
    ],
    "renamed": [
        "alter table payments rename column amount to paid",
        "update payments set paid = 6 where checkNumber = 'C1'",
    ],
    "widened": ["alter table payments modify amount decimal(20,4)", "update payments set amount = 1.2345"],
    "reordered": ["alter table payments modify amount decimal(10,2) first", "update payments set amount = 8"],
    "replaced as gh-ost does": [
        "create table _payments_gho like payments",
        "alter table _payments_gho add column source varchar(9) default 'web'",
        "insert into _payments_gho (customerNumber, checkNumber, paymentDate, amount) select * from payments",
        "rename table payments to _payments_del, _payments_gho to payments",
        "drop table _payments_del",
        "delete from payments where checkNumber = 'C3'",
    ],
    "dropped and made anew": [
        "drop table payments",
        "create table payments (customerNumber int, checkNumber varchar(50), amount decimal(10,2),"
        " primary key (customerNumber, checkNumber))",
        "insert into payments values (1, 'new', 1)",
    ],
    "computed columns came": [
        "alter table payments add column cents bigint as (amount * 100) stored, add column twice bigint as (amount * 2) virtual",
        "update payments set amount = 9, checkNumber = concat(checkNumber, 'x') where checkNumber = 'C1'",
        "update payments set amount = 7 where checkNumber = 'C2'",
        "delete from payments where checkNumber = 'C3'",
    ],
    "became computed": [
        "update payments set amount = 5",
        "alter table payments modify paymentDate varchar(60) as (checkNumber) stored",
        "update payments set amount = 6",
    ],
    "altered on another table": ["alter table orderdetails add column x int default 4"],
}


@pytest.mark.parametrize("change", COMPATIBLE)
def test_a_compatible_change_of_the_columns_goes_on(stage, shop, change):
    before = captured(stage, "payments", YESTERDAY).state
    for statement in COMPATIBLE[change]:
        shop.run(statement)
    came = captured(stage, "payments", TODAY)
    assert came.agrees
    assert came.duplicate_rows == 0
    assert differences_of(stage, [PAYMENTS]) == {}
    same = {
        "altered on another table",
        "reordered",
        "computed columns came",
    }  # columns that are copied, by their names
    altered = change not in same
    assert (came.state.schema_version > before.schema_version) == altered
    assert came.state.is_settled
    assert came.removed_columns == (
        ("paymentDate",) if change in {"dropped", "became computed"} else came.removed_columns
    )
    if change == "dropped":
        days = [row[0] for row in raw_of(stage, PAYMENTS, '"paymentDate"', TODAY)]
        assert [day is None for day in days] == [False] * 3 + [True] * 3


def test_a_change_on_a_day_that_is_over_is_settled_by_the_next_pass_that_reaches_the_present(stage, shop):
    captured(stage, "payments", YESTERDAY - ONE)
    shop.at(YESTERDAY)
    shop.run("alter table payments add column currency char(3) not null default 'EUR'")
    shop.at(TODAY)
    shop.run("update payments set amount = 2 where checkNumber = 'C1'")
    first = captured(stage, "payments", YESTERDAY)
    assert not first.state.is_settled
    captured(stage, "payments", TODAY)
    assert differences_of(stage, [PAYMENTS]) == {}
    assert states_of(stage, PAYMENTS)[TODAY].is_settled


def test_an_incompatible_change_stops_that_table_alone_and_names_the_column(stage, shop):
    captures(stage, [PAYMENTS, find_table("orders")], YESTERDAY)
    shop.run("alter table payments modify amount varchar(20)")
    shop.run("update payments set amount = 'many'")
    shop.run("update orders set status = 'z'")
    refused, done = passed(stage, [PAYMENTS, find_table("orders")])
    assert [one.table.name for one in done] == ["orders"]
    (only,) = refused
    assert isinstance(only.error, LakeError)
    assert "Column amount of classicmodels.payments was DECIMAL(10,2) and is VARCHAR" in str(only.error)
    assert TODAY not in states_of(stage, PAYMENTS)


def passed(stage, tables, day=TODAY):
    """Capture tables; those that were refused and those that were not."""
    from refera_platform.duckdb_session.scratch import scratch_folder
    from refera_platform.ingest.run import ingest_tables
    from refera_platform.source.connection import open_source
    from refera_platform_tests.local_stack import evening

    at = stage.at_instant(evening(day))
    with scratch_folder(at) as folder, open_source(at, "classicmodels", folder) as source:
        came = list(ingest_tables(context_of(at, source, folder), tables, [day]))
    refused = [one for one in came if isinstance(one, IngestFailure)]
    return refused, [one for one in came if not isinstance(one, IngestFailure)]


@pytest.fixture
def server(home):
    """The server's own hand; settings that a test changes are put back."""
    with root(home) as connection, connection.cursor() as cursor:
        cursor.execute("show global variables like 'binlog%'")
        before = dict(cursor.fetchall())
        yield cursor
        for name in ("binlog_row_metadata", "binlog_row_image", "binlog_format"):
            cursor.execute(f"set global {name} = '{before[name]}'")


@pytest.mark.parametrize("metadata", ["NO_LOG", "MINIMAL"])
def test_a_log_without_names_is_read_against_the_catalogue_until_the_columns_change(stage, shop, server, metadata):
    server.execute(f"set global binlog_row_metadata = '{metadata}'")
    shop.run("set session sql_mode = ''")
    captures(stage, declared_tables(), YESTERDAY)
    shop.run("update customers set creditLimit = 5, city = 'São Paulo', addressLine2 = null where customerNumber = 10")
    shop.run("insert into productlines values ('Trens', 'é', null, x'00ff')")
    captures(stage, declared_tables(), TODAY)
    assert differences_of(stage) == {}
    shop.run("alter table customers modify phone varchar(50) not null first")
    shop.run("update customers set phone = '1'")
    refused, done = passed(stage, [find_table("customers"), find_table("orders")], TODAY + ONE)
    assert [one.table.name for one in done] == ["orders"]
    assert "columns of classicmodels.customers changed, and the binlog does not name" in str(refused[0].error)
    assert "binlog_row_metadata = FULL" in str(refused[0].error)


def test_statements_and_partial_images_in_the_log_are_refused_with_the_setting(stage, shop, server):
    captured(stage, "payments", YESTERDAY)
    with root_session(server, "set session binlog_format = 'STATEMENT'"):
        server.execute("update payments set amount = 3")
    (refused,), _ = passed(stage, [PAYMENTS])
    assert "the binlog holds the statement instead of the rows" in str(refused.error)
    assert "set global binlog_format = ROW" in str(refused.error)
    assert "refera resnapshot classicmodels.payments" in str(refused.error)
    captured(stage, "payments", TODAY, afresh=True)
    with root_session(server, "set session binlog_row_image = 'MINIMAL'"):
        server.execute("update payments set amount = 4")
    (refused,), _ = passed(stage, [PAYMENTS])
    assert "set global binlog_row_image = FULL" in str(refused.error)
    captured(stage, "payments", TODAY, afresh=True)
    assert differences_of(stage, [PAYMENTS]) == {}
    server.execute("set global binlog_format = 'MIXED'")
    with pytest.raises(Exception, match=r"binlog_format = MIXED.*set global binlog_format = ROW"):
        captured(stage, "payments", TODAY)


class root_session:  # noqa: N801 - reads as a phrase
    """A setting of the server's own session for the length of a block."""

    def __init__(self, server, statement):
        self._server, self._statement = server, statement

    def __enter__(self):
        self._server.execute(self._statement)
        self._server.execute(f"set timestamp = unix_timestamp('{TODAY} 13:00:00')")

    def __exit__(self, *trouble):
        self._server.execute("set session binlog_format = 'ROW', binlog_row_image = 'FULL', timestamp = default")


def test_a_compressed_log_is_read_as_any_other(stage, shop, server):
    captured(stage, "productlines", YESTERDAY)
    server.execute("set global log_bin_compress = ON")
    try:
        shop.run("update productlines set textDescription = repeat('compressed ', 3000), image = repeat('x', 9000)")
        shop.run("delete from productlines where productLine = 'none of them'")
        shop.run("insert into productlines values (repeat('y', 40), repeat('z', 5000), null, null)")
    finally:
        server.execute("set global log_bin_compress = OFF")
    captured(stage, "productlines", TODAY)
    assert differences_of(stage, [find_table("productlines")]) == {}


def test_private_and_hashed_columns_of_the_log_never_arrive(stage, shop):
    table = replace(find_table("customers"), private=frozenset({"phone"}), hashed=frozenset({"customerName"}))
    keyed = replace(stage, hash_key=b"a key of sixteen bytes or more")
    captures(keyed, [table], YESTERDAY)
    shop.run("update customers set phone = 'SECRET', creditLimit = 1 where customerNumber = 10")
    shop.run(
        "insert into customers select 99, customerName, 'L', 'F', 'SECRET', 'a', null, 'c', null, null, 'X', null, 1"
        " from customers where customerNumber = 10"
    )
    captures(keyed, [table], TODAY)
    hashes = {row[0] for row in raw_of(keyed, table, '"customerName"') if row[0]}
    rows = raw_of(keyed, table, '"customerNumber", "customerName"')
    by_number = dict(rows)
    assert by_number[10] == by_number[99]
    assert all(len(each) == 64 for each in hashes)
    assert "Acme" not in str(rows)
    assert "phone" not in states_of(keyed, table)[TODAY].columns
