"""Values of source and lake are compared at one moment; what was falsified is found, and named by key and column."""

from dataclasses import replace
from datetime import timedelta

import pytest

from refera_platform.duckdb_session.quoting import literal, quoted
from refera_platform.lake import layout
from refera_platform.lake.lake import Lake, raw_rows, read_state_texts
from refera_platform.reconcile import hashed_rows
from refera_platform.reconcile import values as reconcile
from refera_platform.source.connection import Source
from refera_platform.source.table import SourceTable, Strategy
from refera_platform_tests.business import TODAY
from refera_platform_tests.checkout import find_table
from refera_platform_tests.local_stack import captured, captures, source_of

ONE = timedelta(days=1)
YESTERDAY = TODAY - ONE
FIRST = YESTERDAY - ONE
"""Over when the second is captured, so that a third capture leaves it as it is."""
HOSTILE = "or`der \"é'"


def falsify(stage, table, day, select, folder):
    """Put an object in place of a day's, with the same footer and other rows; ``{rows}`` are those of before."""
    lake = Lake(stage)
    with source_of(stage) as source:
        item = lake.stored_days(table)[day]
        footer = read_state_texts(source.connection, [item.url])[item.url]
        path, rows = folder / "false.parquet", raw_rows([item.url])
        described = source.execute(f"describe select * from {rows}").fetchall()
        same = ", ".join(f"cast({quoted(name)} as {kind}) as {quoted(name)}" for name, kind, *_ in described)
        source.execute(
            f"copy (select {same} from ({select.format(rows=rows)})) to {literal(str(path))} (format parquet,"
            f" kv_metadata {{refera: {literal(footer)}}})"
        )
        lake.objects.put(layout.raw_object_key(table, day), path, replaces=item.etag)


@pytest.fixture
def by_key(monkeypatch):
    """No table is small."""
    monkeypatch.setattr(reconcile, "MAX_WHOLE_TABLE_ROWS", -1)
    monkeypatch.setattr(reconcile, "WHOLE_TABLE_ROWS_PER_CHANGED_ROW", 0)


@pytest.fixture
def asked(monkeypatch):
    """Statements that the source is asked for checksums."""
    told, ask = [], Source.ask
    monkeypatch.setattr(Source, "ask", lambda self, sql: (told.append(sql), ask(self, sql))[1])
    return told


def table_of(name, *key, **others):
    return SourceTable(database="classicmodels", name=name, key=key, about="A table of a test.", **others)


PAYMENTS = find_table("payments")
FALSE = {
    "a changed value": (
        "select * replace (case when \"checkNumber\" = 'C3' then amount + 1 else amount end as amount) from {rows}",
        "customerNumber=11, checkNumber='C3': amount is 0.01 in the source and 1.01 in the lake",
    ),
    "a NULL": (
        "select * replace (case when \"checkNumber\" = 'C2' then null else amount end as amount) from {rows}",
        "customerNumber=11, checkNumber='C2': amount is 60.00 in the source and NULL in the lake",
    ),
    "two values swapped": (
        "select * replace (case \"checkNumber\" when 'C2' then 0.01 when 'C3' then 60 else amount end as amount) from {rows}",
        "customerNumber=11, checkNumber='C2': amount is 60.00 in the source and 0.01 in the lake",
    ),
    "a row is missing": (
        "select * from {rows} where \"checkNumber\" <> 'C2'",
        "customerNumber=11, checkNumber='C2' is only in the source",
    ),
    "a row too many": (
        "select * from {rows} union all select * replace (9 as \"customerNumber\", _position || '1' as _position) from {rows} where"
        " \"checkNumber\" = 'C1'",
        "customerNumber=9, checkNumber='C1' is only in the lake",
    ),
    "a row twice": (
        "select * from {rows} union all select * from {rows} where \"checkNumber\" = 'C1'",
        "customerNumber=10, checkNumber='C1' exists 1 times in the source and 2 times in the lake",
    ),
}


@pytest.mark.parametrize("what", FALSE)
def test_what_was_falsified_in_the_lake_is_named_by_key_and_column(stage, shop, tmp_path, what):
    captured(stage, "payments", FIRST)
    came = captured(stage, "payments", YESTERDAY).reconcile_result
    assert (came.scope, came.rows, came.agrees, came.columns) == (
        "the whole table",
        3,
        True,
        ("customerNumber", "checkNumber", "paymentDate", "amount"),
    )
    select, said = FALSE[what]
    falsify(stage, PAYMENTS, FIRST, select, tmp_path)
    found = captured(stage, "payments", TODAY).reconcile_result
    assert (found.first, found.agrees) == (said, False)


def test_only_rows_that_changed_are_looked_up_in_a_large_table_and_deleted_ones_must_be_gone(
    stage, shop, tmp_path, by_key, asked
):
    captured(stage, "payments", YESTERDAY)
    asked.clear()
    shop.run("update payments set amount = 7 where checkNumber = 'C3'")
    shop.run("delete from payments where checkNumber = 'C2'")
    shop.run("insert into payments values (12, 'Ç''4', '2026-03-10', 1.00)")
    came = captured(stage, "payments", TODAY).reconcile_result
    assert (came.scope, came.rows, came.agrees) == ("the 3 rows that changed", 2, True)
    assert not any("where true" in sql for sql in asked)
    undone = "select * replace (case when _op = 'd' then 'u' else _op end as _op) from {rows}"
    falsify(stage, PAYMENTS, TODAY, undone, tmp_path)
    found = captured(stage, "payments", TODAY).reconcile_result
    assert found.first == "customerNumber=11, checkNumber='C2' is only in the lake"
    falsify(stage, PAYMENTS, TODAY, "select * replace (8 as amount) from {rows}", tmp_path)
    found = captured(stage, "payments", TODAY).reconcile_result
    assert found.first.startswith("customerNumber=11, checkNumber='C2' is only in the lake")


def test_what_was_written_after_the_day_is_replayed_so_that_both_sides_are_of_one_moment(stage, shop, tmp_path):
    captured(stage, "payments", FIRST)
    shop.at(YESTERDAY)
    shop.run("update payments set amount = 5 where checkNumber = 'C1'")
    shop.at(TODAY)
    shop.run("update payments set amount = 6 where checkNumber = 'C2'")
    shop.run("delete from payments where checkNumber = 'C3'")
    shop.run("insert into payments values (12, 'C0', '2026-03-10', 1.00)")
    came = captured(stage, "payments", YESTERDAY)
    assert (came.source_rows, came.lake_rows) == (3, 3)
    assert (came.reconcile_result.scope, came.reconcile_result.rows, came.reconcile_result.agrees) == (
        "the whole table",
        3,
        True,
    )
    assert came.reconcile_result.columns
    falsify(stage, PAYMENTS, YESTERDAY, "select * replace (4 as amount) from {rows}", tmp_path)
    shop.run("insert into payments values (13, 'C0', '2026-03-10', 1.00)")
    found = captured(stage, "payments", TODAY).reconcile_result
    assert found.first == "customerNumber=10, checkNumber='C1': amount is 5.00 in the source and 4.00 in the lake"


def test_an_empty_table_agrees_and_the_other_strategies_are_compared_as_well(stage, shop):
    shop.run("create table nothing (id int primary key, x text)")
    for strategy in (Strategy.LOG, Strategy.COMPARE, Strategy.SNAPSHOT):
        at = replace(stage, lake=f"{stage.lake}/{strategy.value}")
        (empty,) = captures(at, [table_of("nothing", "id", strategy=strategy)], TODAY)
        assert (empty.reconcile_result.rows, empty.reconcile_result.agrees) == (0, True)
        (came,) = captures(at, [replace(PAYMENTS, strategy=strategy)], YESTERDAY)
        shop.run("update payments set amount = amount + 1")
        (came,) = captures(at, [replace(PAYMENTS, strategy=strategy)], TODAY)
        assert (came.reconcile_result.rows, came.reconcile_result.agrees, came.reconcile_result.why_not) == (
            3,
            True,
            "",
        )


def test_of_a_cursor_only_the_rows_that_it_took_are_compared(stage, shop, tmp_path):
    shop.run("create table moves (id int primary key, at datetime, x text)")
    shop.run("insert into moves values (1, '2026-03-01', 'a'), (2, '2026-03-02', 'b'), (3, '2026-03-02', 'c')")
    table = table_of("moves", "id", strategy=Strategy.CURSOR, cursor="at", overlap=timedelta(0))
    (came,) = captures(stage, [table], YESTERDAY)
    assert (came.reconcile_result.rows, came.reconcile_result.scope) == (3, "the whole table")
    shop.run("update moves set x = 'unseen' where id = 1")
    shop.run("update moves set x = 'z', at = '2026-03-10' where id = 2")
    (came,) = captures(stage, [table], TODAY)
    assert (came.reconcile_result.rows, came.reconcile_result.agrees) == (1, True)
    (came,) = captures(stage, [table], TODAY)
    assert came.reconcile_result.agrees
    assert came.reconcile_result.columns == ()
    assert came.reconcile_result.why_not


def test_hashed_and_private_columns_are_left_out_and_never_shown(stage, shop, tmp_path):
    hashed = replace(
        find_table("customers"), hashed=frozenset({"phone", "customerNumber"}), private=frozenset({"city"})
    )
    at = replace(stage, hash_key=b"a key of the tests, long enough")
    (came,) = captures(at, [hashed], TODAY)
    assert came.reconcile_result.agrees
    assert came.reconcile_result.left_out == ("city", "customerNumber", "phone")
    falsify(at, hashed, TODAY, "select * replace ('x' as phone) from {rows}", tmp_path)
    assert captures(at, [hashed], TODAY)[0].reconcile_result.agrees
    falsify(at, hashed, TODAY, "select * replace ('x' as country) from {rows}", tmp_path)
    found = captures(at, [hashed], TODAY)[0].reconcile_result
    assert found.first == "A row, whose key is hashed: country differs"


@pytest.mark.parametrize("scope", ["whole", "by key"])
def test_names_keys_and_values_that_look_like_sql_are_names_keys_and_values(stage, shop, tmp_path, request, scope):
    table = table_of(HOSTILE, "se`lect", "k'ey")
    quoted_name = "`" + HOSTILE.replace("`", "``") + "`"
    shop.run(
        f"create table {quoted_name} (`se``lect` varchar(40) collate utf8mb4_unicode_ci, `k'ey` varbinary(9), `%s` longtext,"
        ' `from "x"` varchar(40) character set latin1, primary key (`se``lect`, `k\'ey`))'
    )
    request.addfinalizer(lambda: shop.run(f"drop table {quoted_name}"))
    captures(stage, [table], YESTERDAY)
    if scope == "by key":
        request.getfixturevalue("by_key")
    values = "');drop table x;--", "\\'", "日本🚀 ", "'", '"', "A", "b", "ç", ""
    for value in values:
        shop.run(f"insert into {quoted_name} values (%s, %s, %s, 'é''')", (value, b"\0'\xff", f"{value}%s"))
    (came,) = captures(stage, [table], TODAY)
    assert (came.reconcile_result.rows, came.reconcile_result.agrees) == (len(values), True)
    assert came.reconcile_result.scope == ("the whole table" if scope == "whole" else "the 9 rows that changed")
    swapped = "case when \"se`lect\" in ('日本🚀 ', 'b') then '{new}' else \"%s\" end".format(new="x" * 99)
    falsify(stage, table, TODAY, f'select * replace ({swapped} as "%s") from {{rows}}', tmp_path)
    (found,) = captures(stage, [table], TODAY)
    assert found.reconcile_result.first == (
        f"se`lect='b', k'ey=0x0027ff: %s is 'b%s' in the source and '{'x' * 59}… in the lake"
    )
    assert found.reconcile_result.first_place == "se`lect='b', k'ey=0x0027ff: %s differs"


def test_a_difference_in_a_large_table_is_found_in_a_bounded_number_of_questions(
    stage, shop, tmp_path, asked, monkeypatch
):
    monkeypatch.setattr(hashed_rows, "MAX_PART_ROWS", 25_000)
    shop.run("create table many (a int, b varchar(20), x decimal(10,2), primary key (a, b))")
    shop.run("insert into many select seq div 7, concat('k', seq), seq / 3 from seq_1_to_60000")
    table = table_of("many", "a", "b")
    monkeypatch.setattr(reconcile, "MAX_WHOLE_TABLE_ROWS", 60_000)
    captures(stage, [table], YESTERDAY)
    changed = "case when a in (5001, 7321) then x + 0.01 else x end"
    falsify(stage, table, YESTERDAY, f"select * replace ({changed} as x) from {{rows}}", tmp_path)
    streamed, stream = [], Source.stream_select
    monkeypatch.setattr(
        Source, "stream_select", lambda self, *args: streamed.append(stream(self, *args)) or streamed[-1]
    )
    asked.clear()
    (found,) = captures(stage, [table], TODAY)
    assert found.reconcile_result.first.startswith("a=5001, b='k35007': x is 11669.00 in the source and 11669.01")
    assert len([sql for sql in asked if "sha1" in sql]) == 2
    assert len(streamed) == 2
    assert max(streamed) < 1000


def test_what_cannot_be_asked_fails_the_comparison_and_loses_no_capture(stage, shop, monkeypatch):
    monkeypatch.setattr(
        "refera_platform.source.checksum.Checksums.server_sums", lambda self, where, **others: "select sleep"
    )
    came = captured(stage, "payments", TODAY)
    assert came.lake_rows == 3
    assert not came.reconcile_result.agrees
    assert "could not be read" in came.reconcile_result.error


def test_a_new_baseline_of_a_large_table_says_that_it_was_not_compared(stage, shop, monkeypatch, by_key):
    monkeypatch.setattr(reconcile, "MAX_WHOLE_SNAPSHOT_ROWS", 2)
    came = captured(stage, "payments", TODAY).reconcile_result
    assert (came.rows, came.columns) == (0, ())
    assert "too large to be compared whole" in came.why_not
    shop.run("create table heap (id int, x int)")
    shop.run("insert into heap values (1, 1), (2, 2), (3, 3)")
    captures(stage, [table_of("heap", "id")], YESTERDAY)
    shop.run("update heap set x = 4 where id = 2")
    came = captures(stage, [table_of("heap", "id")], TODAY)[0].reconcile_result
    assert "No index of the source serves its key" in came.why_not
