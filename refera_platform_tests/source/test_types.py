"""Every column type at its extremes: what arrives in Parquet is what was in the table."""

from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import duckdb
import pytest

from refera_platform.errors import SourceError
from refera_platform.source.mysql.snapshot import read_source_table
from refera_platform.source.table import SourceTable, Strategy
from refera_platform_tests.checkout import find_table
from refera_platform_tests.local_stack import source_of

TABLE = SourceTable(database="classicmodels", name="extremes", key=("id",), about="Extremes.")

# column definition -> (SQL literal, Parquet type, value)
EXTREMES = {
    "tinyint": ("-128", "TINYINT", -128),
    "tinyint(1)": ("5", "TINYINT", 5),
    "tinyint unsigned": ("255", "UTINYINT", 255),
    "smallint": ("-32768", "SMALLINT", -32768),
    "smallint unsigned": ("65535", "USMALLINT", 65535),
    "mediumint unsigned": ("16777215", "UINTEGER", 16777215),
    "int unsigned": ("4294967295", "UINTEGER", 4294967295),
    "bigint": ("-9223372036854775808", "BIGINT", -9223372036854775808),
    "bigint unsigned": ("18446744073709551615", "UBIGINT", 18446744073709551615),
    "decimal(10,2)": ("-99999999.99", "DECIMAL(10,2)", Decimal("-99999999.99")),
    "decimal(38,10)": (
        "'9999999999999999999999999999.9999999999'",
        "DECIMAL(38,10)",
        Decimal("9999999999999999999999999999.9999999999"),
    ),
    "decimal(65,30)": (
        "'12345678901234567890123456789012345.123456789012345678901234567890'",
        "VARCHAR",
        "12345678901234567890123456789012345.123456789012345678901234567890",
    ),
    "int(8) zerofill": ("7", "UINTEGER", 7),
    "float": ("16777217.5", "FLOAT", 16777218.0),
    "float ": ("3.402823466e38", "FLOAT", 3.4028234663852886e38),
    "float  ": ("1.17549435e-38", "FLOAT", 1.1754943508222875e-38),
    "float(7,4)": ("0.1", "FLOAT", 0.10000000149011612),
    "double": ("0.1 + 0.2e0", "DOUBLE", 0.1 + 0.2),
    "double ": ("1.7976931348623157e308", "DOUBLE", 1.7976931348623157e308),
    "double  ": ("-5e-324", "DOUBLE", -5e-324),
    "double(20,5)": ("123456789012.34567", "DOUBLE", 123456789012.34567),
    "date": ("'9999-12-31'", "DATE", date(9999, 12, 31)),
    "datetime(6)": ("'2025-01-02 03:04:05.123456'", "TIMESTAMP", datetime(2025, 1, 2, 3, 4, 5, 123456)),  # noqa: DTZ001
    "timestamp(6) null": (
        "'2025-01-02 03:04:05.000001'",
        "TIMESTAMP WITH TIME ZONE",
        datetime(2025, 1, 2, 3, 4, 5, 1, tzinfo=UTC),
    ),
    "time(6)": ("'-838:59:59.5'", "BIGINT", -3_020_399_500_000),
    "time": ("'838:59:59'", "BIGINT", 3_020_399_000_000),
    "time(6) ": ("'-00:00:00.000001'", "BIGINT", -1),
    "time(3)": ("'00:00:00.5'", "BIGINT", 500_000),
    "year": ("2155", "USMALLINT", 2155),
    "year ": ("0", "USMALLINT", 0),
    "bit(1)": ("b'1'", "UTINYINT", 1),
    "bit(64)": ("x'ffffffffffffffff'", "UBIGINT", 18446744073709551615),
    "char(5)": ("'ab'", "VARCHAR", "ab"),
    "varchar(9)": ("'trail  '", "VARCHAR", "trail  "),
    "varchar(20) character set latin1": ("'Éire'", "VARCHAR", "Éire"),
    "varchar(20) character set utf16": ("'日本🚀'", "VARCHAR", "日本🚀"),
    "varchar(20) character set gbk": ("'中文'", "VARCHAR", "中文"),
    "varchar(20) character set sjis": ("'日本'", "VARCHAR", "日本"),
    "varchar(20) character set utf8mb3": ("'três'", "VARCHAR", "três"),
    "enum('ß','é') character set latin1": ("'é'", "VARCHAR", "é"),
    "set('ß','é') character set latin2": ("'ß,é'", "VARCHAR", "ß,é"),
    "text character set ucs2": ("repeat('ç', 30000)", "VARCHAR", "ç" * 30000),
    "varchar(20) collate utf8mb4_bin": ("'binary é'", "VARCHAR", "binary é"),
    "longtext": ("'a\\r\\nb\\0c'", "VARCHAR", "a\r\nb\0c"),
    "enum('a','')": ("''", "VARCHAR", ""),
    "set('x','y')": ("'x,y'", "VARCHAR", "x,y"),
    "json": ("'{\"a\": 1.10}'", "VARCHAR", '{"a": 1.10}'),
    "binary(4)": ("x'6100'", "BLOB", b"a\x00\x00\x00"),
    "varbinary(9)": ("x'6200'", "BLOB", b"b\x00"),
    "longblob": ("x'00ff'", "BLOB", b"\x00\xff"),
    "point": ("point(1, 2)", "BLOB", bytes.fromhex("0101000000000000000000f03f0000000000000040")),
    "geometry": (
        "st_geomfromtext('linestring(1 2,3 4)', 4326)",
        "BLOB",
        bytes.fromhex("010200000002000000000000000000f03f000000000000004000000000000008400000000000001040"),
    ),
    "inet4": ("'192.168.0.1'", "VARCHAR", "192.168.0.1"),
    "uuid": ("'123e4567-e89b-12d3-a456-426655440000'", "VARCHAR", "123e4567-e89b-12d3-a456-426655440000"),
    "inet6": ("'::1'", "VARCHAR", "::1"),
}


@contextmanager
def extremes(stage, tmp_path, shop, columns):
    """A table of one row (and one of NULLs) with the given columns, read into Parquet."""
    shop.run("drop table if exists extremes")
    definitions = ", ".join(f"c{index} {kind}" for index, kind in enumerate(columns))
    shop.run(f"create table extremes (id int primary key, {definitions})")
    values = ", ".join(literal for literal, *_ in columns.values())
    shop.run(f"insert into extremes values (1, {values})")
    shop.run("insert into extremes (id) values (2)")
    try:
        with source_of(stage) as source:
            yield read_source_table(source, TABLE, tmp_path / "extremes.parquet", stage.clock)
    finally:
        shop.run("drop table extremes")


def test_every_type_keeps_its_value_at_the_extreme_and_null_stays_null(stage, shop, tmp_path):
    with extremes(stage, tmp_path, shop, EXTREMES) as read, duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        rows = connection.execute(f"select * from '{read.path}' order by id")
        described = {name: str(kind) for name, kind, *_ in rows.description}
        first, nulls = rows.fetchall()
    found = {kind: (described[f"c{index}"], first[index + 1]) for index, kind in enumerate(EXTREMES)}
    assert found == {kind: (parquet, value) for kind, (_, parquet, value) in EXTREMES.items()}
    assert set(nulls[1:]) == {None}


def test_generated_and_invisible_columns_are_columns_like_others(stage, shop, tmp_path):
    shop.run("drop table if exists extremes")
    shop.run(
        "create table extremes (id int primary key, twice int as (id * 2) virtual, words text as (concat('n', id)) stored,"
        " hidden int invisible default 5, squeezed text compressed)"
    )
    shop.run("insert into extremes (id, squeezed) values (3, repeat('é', 500))")
    try:
        with source_of(stage) as source, duckdb.connect() as connection:
            table = replace(TABLE, strategy=Strategy.COMPARE)
            read = read_source_table(source, table, tmp_path / "x.parquet", stage.clock)
            rows = connection.execute(f"select * from '{read.path}'")
            assert [name for name, *_ in rows.description] == ["id", "twice", "words", "hidden", "squeezed"]
            assert rows.fetchall() == [(3, 6, "n3", 5, "é" * 500)]
    finally:
        shop.run("drop table extremes")


def test_every_decimal_that_parquet_can_hold_is_exact_at_full_width(stage, shop, tmp_path):
    shapes = [
        (whole, scale, sign)
        for whole in (1, 5, 9, 10, 18, 19, 20, 37, 38)
        for scale in sorted({0, 1, whole // 2, whole} - {s for s in (0, 1) if s > whole})
        for sign in ("", " unsigned", " zerofill")
    ]
    columns = {}
    for index, (whole, scale, sign) in enumerate(shapes):
        digits = "9" * whole
        value = f"{digits[: whole - scale] or '0'}.{digits[whole - scale :]}".rstrip(".")
        columns[f"decimal({whole},{scale}){sign}{' ' * index}"] = (value, "", Decimal(value))
    with extremes(stage, tmp_path, shop, columns) as read, duckdb.connect() as connection:
        row = connection.execute(f"select * exclude (id) from '{read.path}' where id = 1").fetchone()
    assert dict(zip(columns, row, strict=True)) == {kind: value for kind, (_, _, value) in columns.items()}


def test_a_date_that_no_calendar_has_becomes_null_and_is_counted(stage, shop, tmp_path):
    shop.run("set session sql_mode = 'ALLOW_INVALID_DATES'")
    columns = {
        "date": ("'2025-02-31'", "", None),
        "datetime": ("'2025-04-31 10:00:00'", "", None),
        "date ": ("'2024-02-29'", "", None),
    }
    with extremes(stage, tmp_path, shop, columns) as read, duckdb.connect() as connection:
        row = connection.execute(f"select * from '{read.path}' where id = 1").fetchone()
    assert row == (1, None, None, date(2024, 2, 29))
    assert dict(read.quirks) == {"c0": 1, "c1": 1}


@pytest.mark.parametrize("name", ["_op", "_POSITION", "_changed_at", "day"])
def test_a_column_whose_name_raw_rows_need_is_refused_unless_it_stays_behind(stage, shop, tmp_path, name):
    shop.run(f"alter table offices add column `{name}` varchar(9) default 'd'")
    table = replace(TABLE, name="offices", key=("officeCode",))
    with source_of(stage) as source:
        with pytest.raises(
            SourceError,
            match=rf"has a column {name}, a name that raw rows need for themselves: mark it private",
        ):
            read_source_table(source, table, tmp_path / "x.parquet", stage.clock)
        assert (
            read_source_table(
                source, replace(table, private=frozenset({name})), tmp_path / "x.parquet", stage.clock
            ).rows
            == 2
        )


def test_zero_and_partial_dates_become_null_and_are_counted(stage, shop, tmp_path):
    columns = {
        "date": ("'0000-00-00'", "", None),
        "datetime": ("'2025-00-15'", "", None),
        "date ": ("'2025-03-00'", "", None),
        "timestamp null": ("'0000-00-00'", "", None),
        "date  ": ("'2025-03-04'", "", None),
    }
    with extremes(stage, tmp_path, shop, columns) as read, duckdb.connect() as connection:
        row = connection.execute(f"select * from '{read.path}' where id = 1").fetchone()
    assert row == (1, None, None, None, None, date(2025, 3, 4))
    assert dict(read.quirks) == {"c0": 1, "c1": 1, "c2": 1, "c3": 1}


def test_names_like_keywords_with_quotes_spaces_and_accents_are_names(stage, shop, tmp_path):
    table = replace(TABLE, name="or`der \"é'", key=("se`lect",))
    shop.run("drop table if exists `or``der \"é'`")
    shop.run('create table `or``der "é\'` (`se``lect` int primary key, `from "x"` int, `çã\'o` text, `%s` int)')
    shop.run("insert into `or``der \"é'` values (1, 2, 'três', 4)")
    try:
        with source_of(stage) as source, duckdb.connect() as connection:
            read = read_source_table(source, table, tmp_path / "names.parquet", stage.clock)
            rows = connection.execute(f"select * from '{read.path}'")
            assert [column[0] for column in rows.description] == ["se`lect", 'from "x"', "çã'o", "%s"]
            assert rows.fetchall() == [(1, 2, "três", 4)]
    finally:
        shop.run("drop table `or``der \"é'`")


def test_a_private_column_is_never_asked_for(stage, shop, tmp_path):

    table = replace(find_table("customers"), private=frozenset({"phone", "creditLimit"}), amount=())
    with source_of(stage) as source:
        read = read_source_table(source, table, tmp_path / "private.parquet", stage.clock)
    names = [column.name for column in read.columns]
    assert "city" in names
    assert not {"phone", "creditLimit"} & set(names)
    assert b"creditLimit" not in (tmp_path / "private.parquet").read_bytes()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param(
            {"name": "nowhere"},
            r"Table classicmodels.nowhere does not exist for user refera_reader",
            id="table",
        ),
        pytest.param({"key": ("nothing",)}, r"has no column nothing, which the catalogue declares as key", id="key"),
        pytest.param({"private": frozenset({"x"})}, r"has no column x, .* as private: it has officeCode", id="private"),
        pytest.param(
            {"key": ("territory",)}, r"has 2 rows with territory='EMEA'.*recognises no single row", id="twice"
        ),
        pytest.param({"key": ("addressLine2",)}, r"rows with addressLine2=None", id="NULL key"),
    ],
)
def test_a_declaration_that_does_not_fit_the_table_is_refused_by_name(stage, shop, tmp_path, changes, said):
    shop.run("update offices set territory = 'EMEA'")
    table = replace(TABLE, **{"name": "offices", "key": ("officeCode",), **changes})
    with source_of(stage) as source, pytest.raises(SourceError, match=said):
        read_source_table(source, table, tmp_path / "x.parquet", stage.clock)
