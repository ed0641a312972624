"""A table is read whole, in the order of its key, or as far as a condition goes; what is hashed is never in clear."""

import hmac
from dataclasses import replace

import duckdb
import pytest

from refera_platform.errors import SettingError, SourceError
from refera_platform.source.mysql.snapshot import read_source_table
from refera_platform.source.table import SourceTable
from refera_platform_tests.checkout import find_table
from refera_platform_tests.local_stack import source_of

KEY = b"a key of the tests, long enough"
PEOPLE = SourceTable(database="classicmodels", name="people", key=("id",), about="People.")


@pytest.fixture
def people(shop):
    """A table of personal values of each kind that can be hashed."""
    shop.run(
        "create table people (id int primary key, email varchar(40) character set latin1, cpf bigint(14) unsigned zerofill,"
        " raw binary(4), age int, born date)"
    )
    shop.run(
        "insert into people values (1, 'joão@example.com', 42, x'6100', -7, '1990-01-01'), (2, null, null, null, null, null)"
    )
    yield shop
    shop.run("drop table people")


def rows_of(path):
    with duckdb.connect() as connection:
        found = connection.execute(f"from read_parquet('{path}')")
        return {name: str(kind) for name, kind, *_ in found.description}, found.fetchall()


def test_rows_come_in_the_order_of_the_key_and_are_counted(stage, shop, tmp_path):
    shop.run("insert into orderdetails values (99 + 1, 'P3', 1, 1.00, 3)")
    with source_of(stage) as source:
        read = read_source_table(source, find_table("orderdetails"), tmp_path / "x", stage.clock)
    found = [row[:2] for row in rows_of(read.path)[1]]
    assert found == sorted(found)
    assert (read.rows, read.server_counts, dict(read.quirks), len(found)) == (6, (6, 6), {}, 6)
    assert read.is_count_consistent


def test_the_order_costs_the_server_no_sort_when_the_key_is_its_own(stage, shop, tmp_path):
    table = find_table("orderdetails")
    with source_of(stage) as source:

        def rows_sorted(what):
            before = int(source.ask("show session status like 'Sort_rows'")[0][1])
            what()
            return int(source.ask("show session status like 'Sort_rows'")[0][1]) - before

        of_catalogue = rows_sorted(lambda: source.columns(table))
        assert rows_sorted(lambda: read_source_table(source, table, tmp_path / "x", stage.clock)) == of_catalogue


def test_a_condition_reads_and_counts_its_rows_alone(stage, shop, tmp_path):
    with source_of(stage) as source:
        read = read_source_table(source, find_table("payments"), tmp_path / "x", stage.clock, where="`amount` < 50")
    assert [row[1] for row in rows_of(read.path)[1]] == ["C1", "C3"]
    assert (read.rows, read.server_counts) == (2, (2, 2))


def test_hashed_columns_are_keyed_hashes_of_their_text_and_never_in_clear(stage, people, tmp_path):
    table = replace(PEOPLE, hashed=frozenset({"email", "cpf", "raw", "age"}), private=frozenset({"born"}))
    with source_of(replace(stage, hash_key=KEY)) as source:
        read = read_source_table(source, table, tmp_path / "x", stage.clock)
    kinds, (first, nulls) = rows_of(read.path)
    clear = ["joão@example.com".encode(), b"42", b"a\0\0\0", b"-7"]
    assert kinds == {"id": "INTEGER"} | dict.fromkeys(("email", "cpf", "raw", "age"), "VARCHAR")
    assert first == (1, *(hmac.digest(KEY, value, "sha256").hex() for value in clear))
    assert nulls == (2, None, None, None, None)
    assert b"example.com" not in read.path.read_bytes()


def test_without_a_key_nothing_is_hashed_and_nothing_is_read(stage, people, tmp_path):
    table = replace(PEOPLE, hashed=frozenset({"email"}))
    with (
        source_of(stage) as source,
        pytest.raises(SettingError, match="declares email as hashed, and REFERA_HASH_KEY"),
    ):
        read_source_table(source, table, tmp_path / "x", stage.clock)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("column", "said"),
    [
        pytest.param("born", r"Column born is of type date, which is not hashed: .*mark others private", id="a date"),
        pytest.param("nothing", r"has no column nothing, which the catalogue declares as hashed", id="no column"),
    ],
)
def test_what_cannot_be_hashed_is_refused_by_name_before_it_is_read(stage, people, tmp_path, column, said):
    table = replace(PEOPLE, hashed=frozenset({column}))
    with source_of(replace(stage, hash_key=KEY)) as source, pytest.raises(SourceError, match=said):
        read_source_table(source, table, tmp_path / "x", stage.clock)
    assert list(tmp_path.iterdir()) == []


def test_a_text_that_grows_beyond_what_functions_may_give_arrives_whole(stage, people, tmp_path):
    people.run("create table long_texts (id int primary key, words longtext character set latin1, raw longblob)")
    try:
        people.run("insert into long_texts values (1, repeat('é', 9000000), repeat('b', 16777215)), (2, 'a', 'c')")
        table = replace(PEOPLE, name="long_texts")
        with source_of(stage) as source:
            read = read_source_table(source, table, tmp_path / "x", stage.clock)
            found = source.execute(
                "select id, words = repeat('é', 9000000), octet_length(encode(words)), octet_length(raw)"
                f" from read_parquet('{read.path}')"
            ).fetchall()
        assert found == [(1, True, 18_000_000, 16_777_215), (2, False, 1, 1)]
    finally:
        people.run("drop table long_texts")
