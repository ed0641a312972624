"""Generated columns in the log: servers write them or leave them out, and the rows that are read are the same."""

from dataclasses import replace

import pytest

from refera_platform.errors import SourceError
from refera_platform.source.doctor.finding import Verdict
from refera_platform.source.doctor.tables import examine_tables
from refera_platform.source.mysql.binlog.charsets import Charsets
from refera_platform.source.mysql.binlog.row_decoder import build_row_decoder
from refera_platform.source.mysql.binlog.stream_event import RowsEvent
from refera_platform.source.mysql.binlog.table_map import read_table_map
from refera_platform.source.table import SourceTable, Strategy
from refera_platform.source.types import SourceColumn
from refera_platform_tests.local_stack import source_of
from refera_platform_tests.source.mysql.binlog.decoding import HASH_KEY, TABLE, Decoded, log_of, pulled

TABLE_MAP = bytes.fromhex(
    "1c000000000001000d636c61737369636d6f64656c7300087265636f72646564000b030203010f0f080303fe030624002400fe0cfe07010100"
    "0203fc00090419026964016e01760161017001740262310262320177017a0179080100"
)
"""MariaDB 11.8.9's, of (id int primary key, n smallint, v int as (id + 1) virtual, a tinyint, p varchar(9) as (concat('p',
n)) stored, t varchar(9), b1 bigint, b2 int, w int as (a * 2) virtual, z char(3), y int)."""
ROWS = (
    # insert (1,2,3,'one',4,5,'z',6), (2,null…), (3,1,2,'x',null,7,null,9): with v, p and w
    (
        "c",
        "1c000000000001000bff0700f80100000002000200000003027032036f6e6504000000000000000500000006000000017a06000000faff02"
        "0000000300000040fa03000000010004000000020270310178070000000400000009000000",
    ),
    # t = 'two', n = null where id = 1; y = 1; id = 10 where id = 2; delete where id in (1, 3): without them
    (
        "u",
        "1c000000000001000beb06eb060001000000020003036f6e65040000000000000005000000017a060000000201000000030374776f040000"
        "000000000005000000017a06000000",
    ),
    (
        "u",
        "1c000000000001000beb06eb060201000000030374776f040000000000000005000000017a060000000201000000030374776f0400000000"
        "00000005000000017a01000000fe020000007e020000000100000050030000000100020178070000000900000050030000000100020178"
        "0700000001000000",
    ),
    ("u", "1c000000000001000beb06eb067e02000000010000007e0a00000001000000"),
    (
        "d",
        "1c000000000001000beb060201000000030374776f040000000000000005000000017a010000005003000000010002017807000000010000"
        "00",
    ),
)
KINDS = {
    "id": "int",
    "n": "smallint",
    "v": "int",
    "a": "tinyint",
    "p": "varchar",
    "t": "varchar",
    "b1": "bigint",
    "b2": "int",
    "w": "int",
    "z": "char",
    "y": "int",
}
DECLARED = [
    SourceColumn(name=name, data_type=kind, column_type=kind, is_generated=name in {"v", "p", "w"})
    for name, kind in KINDS.items()
]


def decoded(stage, table, declared):
    with source_of(stage) as source:
        decoder = build_row_decoder(read_table_map(TABLE_MAP), table, declared, Charsets(source.ask), HASH_KEY)
    rows, runs = [], []
    for operation, body in ROWS:
        runs += decoder.split_rows(RowsEvent(operation, 1, TABLE_MAP, bytes.fromhex(body)), rows)
    return Decoded(decoder, rows, runs)


def test_rows_with_and_without_generated_columns_are_cut_into_the_same_columns(stage):
    found = decoded(stage, TABLE, DECLARED)
    one, two, three = (
        (1, 2, 3, "one", 4, 5, "z", 6),
        (2, None, None, None, None, None, None, None),
        (3, 1, 2, "x", None, 7, None, 9),
    )
    changed = (1, None, 3, "two", 4, 5, "z", 6)
    assert list(found.types) == ["id", "n", "a", "t", "b1", "b2", "z", "y"]
    assert found.ops == "ccc" + "u" + "uuu" + "dc" + "dd"
    ones = [(*row[:-1], 1) for row in (changed, two, three)]
    assert found.rows == [one, two, three, changed, *ones, ones[1], (10, *ones[1][1:]), ones[0], ones[2]]


def test_private_columns_are_stepped_over_where_generated_ones_are_left_out(stage):
    found = decoded(stage, replace(TABLE, private=frozenset({"a", "b1", "y", "p"})), DECLARED)
    assert list(found.types) == ["id", "n", "t", "b2", "z"]
    assert found.rows[3:5] == [(1, None, "two", 5, "z")] * 2
    assert found.rows[-2:] == [(1, None, "two", 5, "z"), (3, 1, "x", 7, None)]


def test_a_generated_key_that_the_log_leaves_out_is_refused_with_the_cause(stage):
    with pytest.raises(
        SourceError,
        match=r"leaves generated columns out of its binlog, and v is declared as key.*strategy compare",
    ):
        decoded(stage, replace(TABLE, key=("v",)), DECLARED)


def test_a_column_that_is_no_longer_generated_is_named_with_its_remedy(stage):
    altered = [replace(column, is_generated=False) for column in DECLARED]
    with pytest.raises(SourceError, match=r"\(without v, p, w\).*generated one until it was altered"):
        decoded(stage, TABLE, altered)


def test_generated_columns_stay_behind_in_snapshot_and_log_and_invisible_ones_do_not(stage, shop, tmp_path):
    with log_of(
        stage,
        shop,
        "v int as (id + 1) virtual",
        "p int as (id + 2) persistent",
        "i int invisible default 7",
        "t text",
        "unique (t)",
    ) as log:
        shop.run("insert into logged (id, t) values (1, 'a'), (2, null)")
        shop.run("update logged set id = 5 where id = 1")
        shop.run("update logged set t = 'b' where id = 5")
        shop.run("delete from logged where id = 2")
        found = log.decoded()
        rows, types, _ = pulled(log, stage, tmp_path)
    assert found.types == types
    assert rows == [(5, 7, "b")]
    assert found.rows == [(1, 7, "a"), (2, 7, None), (1, 7, "a"), (5, 7, "a"), (5, 7, "b"), (2, 7, None)]
    assert found.ops == "cc" + "dc" + "u" + "d"


def test_a_strategy_that_reads_the_table_itself_has_its_generated_columns(stage, shop, tmp_path):
    with log_of(stage, shop, "v int as (id + 1) virtual", "p int as (id + 2) persistent") as log:
        shop.run("insert into logged (id) values (1)")
        rows, _, _ = pulled(log, stage, tmp_path, replace(TABLE, strategy=Strategy.COMPARE))
    assert rows == [(1, 2, 3)]


def test_the_doctor_says_what_stays_behind_and_doubts_a_key_of_it(stage, shop):
    shop.run("drop table if exists logged")
    shop.run("create table logged (id int primary key, v int as (id + 1) virtual, p int as (id + 2) persistent unique)")
    table = SourceTable(database="classicmodels", name="logged", key=("id",), about="Computed.")
    try:
        with source_of(stage) as source:
            said = list(examine_tables(source, [table], b""))
            keyed = list(examine_tables(source, [replace(table, key=("p",))], b""))
            compared = list(examine_tables(source, [replace(table, strategy=Strategy.COMPARE)], b""))
            unasked = list(examine_tables(source, [replace(table, private=frozenset({"v", "p"}))], b""))
    finally:
        shop.run("drop table logged")
    assert {each.verdict for each in said} == {Verdict.OK}
    assert "1 columns can be read" in said[0].found
    assert "v, p are not copied" in said[1].found
    (doubted,) = [each for each in keyed if each.about == f"{table.address}: generated key"]
    assert (doubted.verdict, "p of its key is generated" in doubted.found) == (Verdict.WARN, True)
    assert (len(compared), len(unasked)) == (1, 1)
