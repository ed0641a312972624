"""Server and DuckDB make the same checksums of the same values, of every kind; a changed value changes them."""

import uuid

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as some

from refera_platform.source.checksum import Checksums
from refera_platform.source.mysql.snapshot import read_source_table
from refera_platform.source.table import SourceTable
from refera_platform_tests.ingest.test_random_days import KEYS, KINDS
from refera_platform_tests.local_stack import source_of
from refera_platform_tests.source.test_types import EXTREMES

ANY = some.text(some.characters(codec="utf-8", exclude_characters="\0"), max_size=9)
ALL = {
    **KINDS,
    "float": some.floats(allow_nan=False, allow_infinity=False, width=32),
    "double ": some.floats(allow_nan=False, allow_infinity=False),
    "bigint": some.integers(-(2**63), 2**63 - 1),
    "bit(64)": some.integers(0, 2**64 - 1),
    "int(9) zerofill": some.integers(0, 2**32 - 1),
    "decimal(4,4)": some.decimals("-0.9999", "0.9999", places=4),
    "decimal(38,0)": some.integers(-(10**38) + 1, 10**38 - 1),
    "decimal(9,3) zerofill": some.decimals(0, 10**5, places=3),
    "longtext character set latin1": some.text("abçé ' \\", max_size=9),
    "mediumtext": ANY,
    "varchar(9) collate utf8mb4_unicode_ci": ANY,
    "blob": some.binary(max_size=12),
    "datetime(6)": some.datetimes(),
    "time(6)": some.sampled_from(["-838:59:59", "00:00:00.000001", "-00:00:00.5", "838:59:58.999999"]),
    "inet6": some.sampled_from(["::1", "2001:db8::ff00:42:8329"]),
}
MORE_KEYS = {
    **KEYS,
    "k varchar(9) character set latin1": some.sampled_from(["", "é", "a b", "zz"]),
    "k datetime(3)": some.datetimes().map(lambda found: found.replace(microsecond=0)),
    "k time(6)": some.sampled_from(["-838:59:59", "00:00:00.000001", "-00:00:00.5"]),
    "k date": some.dates(),
    "k timestamp": some.sampled_from(["2020-02-03 04:05:06", "1999-01-01 00:00:00"]),
}


def table_of(name, *key):
    return SourceTable(database="classicmodels", name=name, key=key, about="Sums.")


def both(source, table, path, clock):
    """Rows and checksums as the server says them, and as DuckDB makes them of the rows that were read."""
    read = read_source_table(source, table, path, clock)
    kinds = {column.name: column.parquet_type for column in read.columns}
    sums = Checksums(table=table, columns=read.columns, kinds=kinds)
    ours = [int(each) for each in source.ask(sums.server_sums("true"))[0]]
    numbers = ", ".join(f"coalesce(sum({number}), 0)" for number in sums.lake_numbers)
    tokens = f"select *, {sums.lake_token} as \"token \" from read_parquet('{path}')"
    answer = source.execute(f"select count(*), {numbers} from ({tokens})").fetchone()
    keys = source.execute(f"select {', '.join(table.key)} from read_parquet('{path}')").fetchall()
    if keys:
        found = source.ask(sums.server_sums(sums.keys_condition(keys)))[0]
        assert [int(each) for each in found] == ours, "the rows are found by their keys"
    return ours, [int(each) for each in answer]


def test_every_type_has_the_same_checksum_on_both_sides_at_its_extreme(stage, shop, tmp_path):
    definitions = ", ".join(f"c{index} {kind}" for index, kind in enumerate(EXTREMES))
    shop.run(f"create table sums (id int primary key, {definitions})")
    shop.run(f"insert into sums values (1, {', '.join(value for value, *_ in EXTREMES.values())})")
    shop.run("insert into sums (id) values (2)")
    with source_of(stage) as source:
        ours, theirs = both(source, table_of("sums", "id"), tmp_path / "x", stage.clock)
    names = ["count", "id", *EXTREMES]
    assert dict(zip(names, ours, strict=True)) == dict(zip(names, theirs, strict=True))


@pytest.mark.parametrize("has_rows", [True, False], ids=["some rows", "no rows"])
def test_random_values_of_every_kind_have_the_same_checksums(stage, shop, tmp_path, has_rows):
    shop.run("set session sql_mode = ''")
    with source_of(stage) as source:

        @settings(
            max_examples=12 if has_rows else 1,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        @given(some.data())
        def compared(data):
            key = data.draw(some.sampled_from(sorted(MORE_KEYS)))
            kinds = data.draw(some.lists(some.sampled_from(sorted(ALL)), min_size=8, max_size=12))
            name = f"t{uuid.uuid4().hex[:8]}"
            columns = ", ".join(f"c{place} {kind.removesuffix(' null')} null" for place, kind in enumerate(kinds))
            shop.run(f"create table {name} ({key} not null, second tinyint, {columns}, primary key (k, second))")
            marks = ", ".join(["%s"] * (len(kinds) + 2))
            for _ in range(data.draw(some.integers(1, 6)) if has_rows else 0):
                values = [data.draw(some.none() | ALL[kind]) for kind in kinds]
                row = [data.draw(MORE_KEYS[key]), data.draw(some.integers(0, 3)), *values]
                shop.run(f"replace into {name} values ({marks})", row)
            ours, theirs = both(source, table_of(name, "k", "second"), tmp_path / "x", stage.clock)
            assert dict(zip(["rows", "k", "second", *kinds], zip(ours, theirs, strict=True), strict=False)) == {
                each: (sum_, sum_) for each, sum_ in zip(["rows", "k", "second", *kinds], ours, strict=False)
            }
            shop.run(f"drop table {name}")

        compared()


def test_a_changed_value_changes_the_checksum_and_so_does_a_swap(stage, shop):
    with source_of(stage) as source:
        for place, kind in enumerate(sorted(ALL)):
            shop.run(f"create table sums{place} (id int primary key, c {kind.removesuffix(' null')} null)")
            change(source, shop, f"sums{place}", ALL[kind])


def change(source, shop, name, values):
    table = table_of(name, "id")
    columns = source.columns(table)
    sums = Checksums(table=table, columns=columns, kinds={each.name: each.parquet_type for each in columns})

    def summed(one, other):
        shop.run(f"replace into {name} values (1, %s), (2, %s)", (one, other))
        return source.ask(sums.server_sums("true"))[0]

    @settings(max_examples=3, deadline=None, database=None, phases=[Phase.generate], derandomize=True)
    @given(some.none() | values, values)
    def changed(one, other):
        before = summed(one, other)
        assume(shop.ask(f"select count(distinct hex(c), c is null) from {name}")[0][0] == 2)
        found = {before, summed(other, one), summed(other, other)}
        assert len({row[2] for row in found}) == 3
        assert len({row[:2] for row in found}) == 1

    changed()
