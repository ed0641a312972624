"""Rows of the log: what a change became is, value by value and type by type, what a snapshot reads."""

import random
from dataclasses import replace

import pytest

from refera_platform.errors import SourceError
from refera_platform.source.mysql.binlog.charsets import Charsets
from refera_platform.source.mysql.binlog.row_decoder import build_row_decoder
from refera_platform_tests.source.mysql.binlog.decoding import HASH_KEY, TABLE, log_of, metadata, pulled
from refera_platform_tests.source.test_types import EXTREMES

FRACTIONS = {
    f"{kind}({digits}){note} null": literal
    for digits in range(7)
    for kind, note, literal in (
        ("datetime", "", "'1000-01-01 23:59:59.987654'"),
        ("timestamp", "", "'2037-12-31 23:59:59.987654'"),
        ("time", "", "'-00:00:00.987654'"),
        ("time", " ", "'-800:59:00.100001'"),
        ("time", "  ", "'838:59:58.999999'"),
    )
}
MORE = {
    **{f"bit({width})": f"{(1 << width) - 2}" for width in (1, 7, 8, 9, 17, 33, 40, 63)},
    "mediumint": "-8388608",
    "mediumint ": "8388607",
    "tinyint ": "127",
    "year": "0",
    "year(4)": "1901",
    "year(2)": "99",
    "float unsigned": "1e-30",
    "double": "-1.7976931348623157e308",
    "float(7,2)": "1.1",
    "double(9,3)": "1.1",
    "decimal(40,2) zerofill": "5.5",
    "decimal(65,0)": "-1",
    "decimal(65,30)": "-0.5",
    "decimal(40,2)": "-0.05",
    "decimal(39,38)": "'.00000000000000000000000000000000000001'",
    "int(5) zerofill": "42",
    "date": "'0000-01-01'",
    "varchar(500) compressed": "repeat('aé', 200)",
    "text compressed character set latin1": "repeat('aé', 200)",
    "varchar(50) compressed": "''",
    "blob compressed": "repeat('x', 200)",
    "tinyblob compressed": "'short'",
    "longtext compressed character set utf16": "repeat('aé', 200)",
    "enum('ç','B','c\\\\d','e''f') character set latin1": "2",
    "enum('ç','B','c\\\\d','e''f')": "'c\\\\d'",
    "enum('e''f','\\n')": "'\\n'",
    "enum('x')": "'nope'",
    "set('Á','b','C')": "5",
    "set('Á','b','C') character set latin1": "1",
    "inet4": "'1.2.3.0'",
    "inet6": "'::ffff:1.2.3.4'",
    "inet6 ": "'2001:db8:0:1::'",
    "inet6  ": "'1:0:2:0:3:0:4:0'",
    "inet6   ": "'::'",
    "uuid": "'00112233-4455-1777-8899-aabbccddee00'",
    "uuid ": "'018e3f2a-1111-7abc-8def-0123456789ab'",
    "linestring": "st_geomfromtext('linestring(0 0, 1 1)', 4326)",
    "tinytext character set gbk": "'中文'",
    "varchar(9) character set big5": "'中文'",
    "char(10) character set ucs2": "'é a  '",
    "char(200)": "repeat('é', 200)",
    "varbinary(300)": "repeat(x'00', 300)",
    "binary(255)": "x'0100'",
    "mediumtext": "repeat('long', 20000)",
}
CASES = {**{kind: case[0] for kind, case in EXTREMES.items()}, **FRACTIONS, **MORE}


@pytest.mark.parametrize("level", ["FULL", "MINIMAL", "NO_LOG"])
def test_every_type_at_its_extreme_is_what_a_snapshot_reads_however_little_the_log_tells(stage, shop, tmp_path, level):
    shop.run("set time_zone = '+00:00'")
    columns = [f"c{index} {kind}" for index, kind in enumerate(CASES)]
    with metadata(shop, level), log_of(stage, shop, *columns) as log:
        shop.run(f"insert into logged values (1, {', '.join(CASES.values())})")
        shop.run("insert into logged (id) values (2)")
        for index, literal in list(enumerate(CASES.values()))[::3]:
            shop.run(f"insert into logged (id, c{index}) values ({3 + index}, {literal})")
        found = log.decoded()
        rows, types, quirks = pulled(log, stage, tmp_path)
    kinds = ["id", *CASES]
    assert dict(zip(kinds, found.types.values(), strict=True)) == dict(zip(kinds, types.values(), strict=True))
    assert [dict(zip(kinds, row, strict=True)) for row in found.rows] == [
        dict(zip(kinds, row, strict=True)) for row in rows
    ]
    assert (found.types, found.quirks, set(found.ops)) == (types, quirks, {"c"})


def test_decimals_of_every_shape_are_exact(stage, shop, tmp_path):
    shapes = [(whole, scale) for whole in (1, 9, 10, 18, 19, 27, 28, 37, 38) for scale in {0, 1, whole // 2, whole}]
    dice = random.Random(38)
    with log_of(stage, shop, *(f"c{i} decimal({w},{s})" for i, (w, s) in enumerate(shapes))) as log:
        for number in range(50):
            values = [f"{dice.randrange(-(10**whole), 10**whole)}e-{scale}" for whole, scale in shapes]
            exact = [f"cast('{value}' as decimal({w},{s}))" for value, (w, s) in zip(values, shapes, strict=True)]
            shop.run(f"insert into logged values ({number}, {', '.join(exact)})")
        found = log.decoded()
        rows, types, _ = pulled(log, stage, tmp_path)
    assert (found.rows, found.types) == (rows, types)


def test_dates_that_no_calendar_has_are_null_and_counted_as_a_snapshot_counts_them(stage, shop, tmp_path):
    shop.run("set session sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+00:00'")
    with log_of(stage, shop, "a date", "b datetime(3)", "c timestamp(6) null") as log:
        for number, literal in enumerate(
            (
                "0000-00-00",
                "2025-00-15",
                "2025-03-00",
                "2025-02-31",
                "1900-02-29",
                "2000-02-29",
                "0000-02-29",
                "2024-02-29",
            )
        ):
            shop.run(f"insert into logged values ({number}, '{literal}', '{literal} 01:02:03.4', 0)")
        shop.run("insert into logged values (20, null, null, '1970-01-01 00:00:00.000001')")
        found = log.decoded()
        rows, _, quirks = pulled(log, stage, tmp_path)
    assert found.rows == rows
    assert found.quirks == quirks == {"a": 6, "b": 6, "c": 8}


def test_an_update_is_its_new_row_and_one_of_the_key_is_a_delete_and_a_create(stage, shop):
    with log_of(stage, shop, "name varchar(20)", "amount decimal(5,2)") as log:
        shop.run("insert into logged values (1, 'a', 1), (2, 'b', 2), (3, null, 3), (4, 'd', null)")
        shop.run("update logged set amount = amount + 1, name = 'x' where id < 4")
        shop.run("update logged set id = id + 100 where id = 2")
        shop.run("update logged set id = if(id = 4, 5, id), name = null")
        shop.run("delete from logged where id in (1, 102)")
        found = log.decoded()
    assert found.ops == "cccc" + "uuu" + "dc" + "uudcu" + "dd"
    assert [(row[0], row[1]) for row in found.rows[7:]] == [
        (2, "x"),
        (102, "x"),
        (1, None),
        (3, None),
        (4, "d"),
        (5, None),
        (102, None),
        (1, None),
        (102, None),
    ]


def test_a_key_of_texts_counts_as_changed_when_only_its_case_or_its_null_did(stage, shop):
    table = replace(TABLE, key=("name", "part"))
    with log_of(stage, shop, "name varchar(20)", "part binary(4)", "note text") as log:
        shop.run("insert into logged values (1, 'a', 'x', 'n'), (2, 'b', null, 'n'), (3, 'c', '', 'n')")
        shop.run("update logged set name = 'A' where id = 1")
        shop.run("update logged set note = null where id = 2")
        shop.run("update logged set part = '' where id = 2")
        shop.run("update logged set part = null where id = 3")
        found = log.decoded(table)
    assert found.ops == "ccc" + "dc" + "u" + "dc" + "dc"
    assert [row[1:3] for row in found.rows[3:5]] == [("a", b"x\0\0\0"), ("A", b"x\0\0\0")]


def test_rows_of_any_pattern_of_nulls_are_whole_and_private_columns_are_in_none_of_them(stage, shop, tmp_path):
    kinds = [
        "int",
        "varchar(9)",
        "varchar(400)",
        "mediumint",
        "blob",
        "datetime(3)",
        "char(3)",
        "bigint",
        "decimal(9,4)",
        "text",
    ]
    table = replace(TABLE, private=frozenset({"c2", "c7", "c9"}))
    dice = random.Random(7)
    with log_of(stage, shop, *(f"c{index} {kind}" for index, kind in enumerate(kinds))) as log:
        rows = []
        for number in range(600):
            values = [
                "'2025-01-02 03:04:05.678'" if index == 5 else f"{dice.randrange(100)}" for index in range(len(kinds))
            ]
            values = [value if dice.random() < 0.6 else "null" for value in values]
            rows.append(f"({number}, {', '.join(values)})")
        shop.run(f"insert into logged values {', '.join(rows)}")
        shop.run("update logged set c0 = coalesce(c0, 0) + 1, c4 = null")
        found = log.decoded(table)
        now, types, _ = pulled(log, stage, tmp_path, table)
    assert found.ops == "c" * 600 + "u" * 600
    assert found.rows[600:] == now
    assert found.types == types == {name: types[name] for name in ("id", "c0", "c1", "c3", "c4", "c5", "c6", "c8")}


def test_hashed_columns_are_the_hashes_of_a_snapshot(stage, shop, tmp_path):
    kinds = {
        "a": "varchar(9) character set latin1",
        "b": "binary(4)",
        "c": "int",
        "d": "bigint unsigned",
        "e": "mediumint",
        "f": "enum('é','b')",
        "g": "longtext",
        "h": "varbinary(9)",
    }
    table = replace(TABLE, hashed=frozenset(kinds))
    with log_of(stage, shop, *(f"{name} {kind}" for name, kind in kinds.items())) as log:
        shop.run(
            "insert into logged values (1, 'é', 'x', -5, 18446744073709551615, -1, 'é', 'long', x'00'), (2, '', '', 0, 0, 0, '', '', ''), (3,null,null,null,null,null,null,null,null)"
        )
        found = log.decoded(table)
        rows, types, _ = pulled(log, stage, tmp_path, table)
    assert (found.rows, found.types) == (rows, types)
    assert set(map(len, found.rows[0][1:])) == {64}


def test_a_type_that_is_not_hashed_is_refused_by_name(stage, shop):
    with log_of(stage, shop, "a date") as log:
        shop.run("insert into logged values (1, '2026-01-01')")
        with pytest.raises(SourceError, match="Column a is of type date, which is not hashed"):
            log.decoded(replace(TABLE, hashed=frozenset({"a"})))


def test_names_like_keywords_with_quotes_spaces_and_accents_are_names(stage, shop):
    with log_of(stage, shop, '`from "x"` int', "`çã'o` text", "`%s\n{0}` int") as log:
        shop.run("insert into logged values (1, 2, 'três', 4)")
        found = log.decoded()
    assert found.rows == [(1, 2, "três", 4)]
    assert list(found.types) == ["id", 'from "x"', "çã'o", "%s\n{0}"]


def test_rows_of_before_an_alter_have_the_columns_they_had(stage, shop):
    with log_of(
        stage, shop, "gone varchar(9) character set latin1", "a int unsigned", "b char(3)", "e enum('x','Y')"
    ) as log:
        shop.run("insert into logged values (1, 'é', 4294967295, 'b', 'Y')")
        shop.run("alter table logged drop gone, change a renamed bigint, modify b varbinary(9), modify e int")
        found = log.decoded()
    assert found.types == {
        "id": "INTEGER",
        "gone": "VARCHAR",
        "a": "UINTEGER",
        "b": "VARCHAR",
        "e": "VARCHAR",
    }
    assert found.rows == [(1, "é", 4294967295, "b", "Y")]


def test_rows_of_a_table_that_is_gone_are_read_by_the_log_alone(stage, shop):
    kinds = (
        "bigint unsigned",
        "decimal(40,1)",
        "longblob",
        "datetime(6)",
        "time",
        "bit(9)",
        "point",
        "set('a','b')",
    )
    with log_of(stage, shop, *(f"c{index} {kind}" for index, kind in enumerate(kinds))) as log:
        shop.run(
            "insert into logged values (1, 9, 1.5, x'ff', '2026-01-02 03:04:05.6', '-00:00:01', 3, point(1, 2), 'a,b')"
        )
        shop.run("drop table logged")
        found = log.decoded()
    assert found.types == {
        "id": "INTEGER",
        "c0": "UBIGINT",
        "c1": "VARCHAR",
        "c2": "BLOB",
        "c3": "TIMESTAMP",
        "c4": "BIGINT",
        "c5": "USMALLINT",
        "c6": "BLOB",
        "c7": "VARCHAR",
    }
    assert found.rows[0][1:3] + found.rows[0][5:7] + found.rows[0][8:] == (9, "1.5", -1_000_000, 3, "a,b")


@pytest.mark.parametrize(
    "change",
    ["add b int", "modify a bigint", "modify a varchar(9)", "modify t varchar(8)", "modify d decimal(5,1)"],
)
def test_without_names_rows_of_other_columns_are_refused_with_the_setting(stage, shop, change):
    with metadata(shop, "NO_LOG"), log_of(stage, shop, "a int", "t varchar(9)", "d decimal(4,1)") as log:
        shop.run("insert into logged values (1, 2, 'a', 1)")
        shop.run(f"alter table logged {change}")
        with pytest.raises(
            SourceError,
            match=r"classicmodels\.logged.*binlog_row_metadata = FULL.*resnapshot classicmodels\.logged",
        ):
            log.decoded()


def test_an_image_that_is_not_whole_is_refused_with_the_setting(stage, shop):
    with log_of(stage, shop, "a int", "b int") as log:
        shop.run("set session binlog_row_image = MINIMAL")
        shop.run("insert into logged values (1, 2, 3)")
        shop.run("update logged set b = 4")
        with pytest.raises(
            SourceError, match=r"only some of the columns.*classicmodels\.logged.*binlog_row_image = FULL"
        ):
            log.decoded()


def test_a_system_versioned_table_is_refused_by_name(stage, shop):
    with log_of(stage, shop, "a int") as log:
        shop.run("alter table logged add system versioning")
        shop.run("insert into logged values (1, 2)")
        with pytest.raises(SourceError, match=r"classicmodels\.logged is system-versioned.*compare"):
            log.decoded()


def test_a_key_that_the_log_does_not_have_is_refused_by_name(stage, shop):
    with log_of(stage, shop, "a int") as log:
        shop.run("insert into logged values (1, 2)")
        with pytest.raises(SourceError, match=r"classicmodels\.logged in the binlog have no column nothing"):
            log.decoded(replace(TABLE, key=("nothing",)))


def test_mysqls_newer_events_are_read_and_damaged_ones_are_not(stage, shop):
    with log_of(stage, shop, "name varchar(300)") as log:
        shop.run("insert into logged values (1, 'one'), (2, null)")
        ((event, table_map),) = log.events("logged")
        decoder = build_row_decoder(
            table_map, TABLE, log.source.catalogue_columns(TABLE), Charsets(log.source.ask), HASH_KEY
        )
    assert event.version == 1
    expected, rows = [], []
    assert decoder.split_rows(event, expected) == [(2, "c")]
    extra = b"\x05\x00abc"  # its own length, and what nobody asked for
    newer = event._replace(version=2, body=event.body[:8] + extra + event.body[8:])
    assert decoder.split_rows(newer, rows) == [(2, "c")]
    assert rows == expected
    for damaged in (event.body[:-1], event.body[:-9], event.body + b"\0"):
        with pytest.raises(SourceError, match=r"classicmodels\.logged in the binlog are not what their table map says"):
            decoder.split_rows(event._replace(body=damaged), [])


def test_no_rows_are_columns_of_the_right_types(stage, shop):
    with log_of(stage, shop, "a decimal(20,2)", "b datetime", "c text", "d bit(9)", "e enum('x')") as log:
        shop.run("insert into logged values (1, 1, now(), 'c', 1, 'x')")
        found = log.decoded()
        arrays, quirks = found.decoder.to_arrow([])
    assert (list(arrays), quirks) == (["id", "a", "b", "c", "d", "e"], {})
    assert {array.length for array in arrays.values()} == {0}
