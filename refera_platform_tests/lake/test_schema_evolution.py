"""Columns whose past and present no type holds together, and columns whose name changed only its case: one column still."""

from dataclasses import replace
from datetime import date, timedelta
from types import MappingProxyType

import pytest

from refera_platform.answers.history import rows_as_of
from refera_platform.answers.session import open_query_session
from refera_platform.errors import LakeError
from refera_platform.lake.lake import Lake
from refera_platform.orchestration.checks import ingest
from refera_platform.source.table import SourceTable, Strategy
from refera_platform.warehouse.build.inputs import BuildInputs, register_inputs
from refera_platform_tests.business import TODAY
from refera_platform_tests.checkout import checkout_project, find_table
from refera_platform_tests.ingest.logged_tables import differences_of, raw_of, states_of
from refera_platform_tests.local_stack import captured, captures, source_of

ONE = timedelta(days=1)
YESTERDAY = TODAY - ONE
OFFICES = find_table("offices")
T = SourceTable(database="classicmodels", name="t", key=("id",), about="Altered.")
STRATEGIES = pytest.mark.parametrize(
    "strategy", [Strategy.LOG, Strategy.COMPARE, Strategy.SNAPSHOT], ids=lambda each: each.value
)


def as_a_build_reads_it(stage, table, columns, *, known=MappingProxyType({})):
    """Rows of a table as dbt's staging models see them; ``known`` are days that the publication before had read."""
    with source_of(stage) as source:
        days = Lake(stage).days(table, source.connection)
        register_inputs(
            source.connection, BuildInputs(days={table: days}, previous_days={table: known}), only_new=bool(known)
        )
        address = f'"{table.database}"."{table.name}"'
        return source.connection.execute(f"select {columns} from {address} order by _position").fetchall()


@STRATEGIES
def test_a_new_snapshot_goes_on_with_a_type_that_the_days_before_do_not_have(stage, shop, strategy):
    table = replace(OFFICES, strategy=strategy)
    shop.run("alter table offices add column n varchar(20)")
    shop.run("update offices set n = if(officeCode = '1', '2001-02-03', 'unknown')")
    captures(stage, [table], YESTERDAY)
    shop.run("update offices set n = null where officeCode = '2'")
    shop.run("alter table offices modify n date")
    with pytest.raises(
        LakeError, match=r"Column n of classicmodels\.offices was VARCHAR and is DATE .*`refera resnapshot"
    ):
        captures(stage, [table], TODAY)
    (came,) = captures(stage, [table], TODAY, afresh=True)
    assert came.agrees
    assert (came.state.columns["n"], came.state.schema_version) == ("DATE", 2)
    assert states_of(stage, table)[YESTERDAY].columns["n"] == "VARCHAR", "older days keep their schema"
    assert raw_of(stage, table, "n", YESTERDAY) == [("2001-02-03",), ("unknown",)]
    assert differences_of(stage, [table]) == {}
    (check,) = [
        each for each in ingest.ingest_check_results(came, shows_values=False) if each.check_name == ingest.SCHEMA_CHECK
    ]
    assert "n: VARCHAR → DATE (no type holds both: older days keep theirs)" in check.description
    shop.at(TODAY + ONE)
    shop.run("update offices set n = '2020-05-06' where officeCode = '2'")
    (came,) = captures(stage, [table], TODAY + ONE)
    assert came.agrees
    assert differences_of(stage, [table]) == {}


def test_readers_see_older_values_in_the_present_type_as_far_as_they_can_be_converted(stage, shop):
    shop.run("alter table offices add column n varchar(20)")
    shop.run("update offices set n = if(officeCode = '1', '2001-02-03', 'unknown')")
    captured(stage, "offices", YESTERDAY)
    shop.run("update offices set n = null where officeCode = '2'")
    shop.run("alter table offices modify n date")
    captured(stage, "offices", TODAY, afresh=True)
    read_anew = [("1", date(2001, 2, 3)), ("2", None)]
    wanted = [
        ("1", date(2001, 2, 3)),
        ("2", None),
        ("2", None),
        *read_anew,
    ]  # the update is told by the binlog
    assert as_a_build_reads_it(stage, OFFICES, '"officeCode", n') == wanted
    with source_of(stage) as source:
        lake = Lake(stage)
        before = source.connection.execute(rows_as_of(lake, source.connection, OFFICES, YESTERDAY)).fetchall()
        after = source.connection.execute(rows_as_of(lake, source.connection, OFFICES, TODAY)).fetchall()
    assert [row[-1] for row in before] == ["2001-02-03", "unknown"], "a day is shown as it was"
    assert [row[-1] for row in after] == [date(2001, 2, 3), None]
    with open_query_session(stage, checkout_project()) as session:
        rows = session.query('select "officeCode", n from classicmodels.offices order by _position')
        assert rows.fetchall() == wanted


@STRATEGIES
def test_a_new_snapshot_on_a_day_that_has_rows_of_the_old_type_loses_none_of_them(stage, shop, strategy):
    table = replace(OFFICES, strategy=strategy)
    shop.run("alter table offices add column n varchar(20) default 'unknown'")
    captures(stage, [table], TODAY)
    shop.run("update offices set n = '7'")
    shop.run("alter table offices modify n int")
    (came,) = captures(stage, [table], TODAY, afresh=True)
    assert (came.agrees, came.state.columns["n"]) == (True, "INTEGER")
    assert differences_of(stage, [table]) == {}
    if strategy is not Strategy.SNAPSHOT:
        rows = raw_of(stage, table, 'n, "n VARCHAR "', TODAY)
        updated = [(7, "7"), (7, "7")] if strategy is Strategy.LOG else []  # told by the binlog, in its type of then
        assert rows == [(None, "unknown"), (None, "unknown"), *updated, (7, None), (7, None)]
    shop.run("update offices set n = 8")
    (came,) = captures(stage, [table], TODAY)
    assert came.agrees
    assert differences_of(stage, [table]) == {}


def test_a_column_that_came_went_and_came_with_another_type_needs_a_new_snapshot_and_nothing_else(stage, shop):
    shop.run("create table t (id int primary key, v varchar(40))")
    shop.run("insert into t values (1, 'v1'), (2, 'v2')")
    captures(stage, [T], YESTERDAY)
    for statement in (
        "alter table t add column x int",
        "update t set x = 5 where id = 1",
        "alter table t drop column x",
        "alter table t add column x varchar(10)",
        "update t set x = 'five' where id = 2",
    ):
        shop.run(statement)
    with pytest.raises(LakeError) as refused:
        captures(stage, [T], TODAY)
    assert "Column x of classicmodels.t was INTEGER and is VARCHAR at the source" in str(refused.value)
    assert "in the lake" not in str(refused.value), "it never was in the lake"
    assert "`refera resnapshot classicmodels.t`" in refused.value.remedy
    (came,) = captures(stage, [T], TODAY, afresh=True)
    assert (came.agrees, came.state.columns["x"]) == (True, "VARCHAR")
    assert differences_of(stage, [T]) == {}


def test_values_beyond_either_integer_are_exact_when_all_rows_go_at_once(stage, shop):
    shop.run("create table t (id int primary key, n bigint unsigned)")
    shop.run("insert into t values (1, 18446744073709551615)")
    captures(stage, [T], YESTERDAY)
    shop.run("delete from t")
    shop.run("alter table t modify n bigint")
    shop.run("insert into t values (2, -9223372036854775808), (3, 9007199254740993)")
    shop.run("truncate table t")
    (came,) = captures(stage, [T], TODAY)
    assert came.agrees
    assert raw_of(stage, T, "_op, id, n::varchar", TODAY) == [
        ("d", 1, "18446744073709551615"),
        ("c", 2, "-9223372036854775808"),
        ("c", 3, "9007199254740993"),
        ("d", 2, "-9223372036854775808"),
        ("d", 3, "9007199254740993"),
    ]


NAMES = pytest.mark.parametrize(("old", "new"), [("Amount", "amount"), ("ÉTÉ", "été")])


@NAMES
@STRATEGIES
def test_a_name_that_changed_only_its_case_is_the_same_column(stage, shop, strategy, old, new):
    table = replace(T, strategy=strategy)
    shop.run(f"create table t (id int primary key, `{old}` int)")
    shop.run("insert into t values (1, 10), (2, 20)")
    captures(stage, [table], YESTERDAY)
    shop.run(f"update t set `{old}` = 11 where id = 1")
    captures(stage, [table], TODAY)
    shop.run(f"alter table t change `{old}` `{new}` int")
    shop.run(f"update t set `{new}` = 12 where id = 1")
    shop.run("insert into t values (3, 30)")
    (came,) = captures(stage, [table], TODAY)
    assert (came.agrees, came.reconcile_result.first, came.schema_change.description, came.removed_columns) == (
        True,
        "",
        "",
        (),
    )
    assert list(came.state.columns) == ["id", new]
    with source_of(stage) as source:
        url = came.url
        names = [row[0] for row in source.connection.execute(f"describe from '{url}'").fetchall()]
        assert names == ["id", new, "_op", "_changed_at", "_position", "day"], "one column of that name"
    assert differences_of(stage, [table]) == {}
    assert sorted(as_a_build_reads_it(stage, table, f'id, "{new}"'))[-3:] == [(1, 12), (2, 20), (3, 30)]
    shop.at(TODAY + ONE)
    shop.run(f"update t set `{new}` = 13 where id = 1")
    captures(stage, [table], TODAY + ONE)
    assert differences_of(stage, [table]) == {}


@NAMES
def test_rows_of_both_spellings_on_one_day_are_in_one_column(stage, shop, old, new):
    shop.run(f"create table t (id int primary key, `{old}` int)")
    shop.run("insert into t values (1, 10), (2, 20)")
    captures(stage, [T], YESTERDAY)
    shop.run(f"update t set `{old}` = 11 where id = 1")
    shop.run(f"alter table t change `{old}` `{new}` int")
    shop.run(f"update t set `{new}` = 12 where id = 1")
    shop.run(f"alter table t modify `{new}` bigint")
    shop.run("insert into t values (3, 30)")
    captures(stage, [T], TODAY)
    assert raw_of(stage, T, f'_op, id, "{new}"', TODAY) == [("u", 1, 11), ("u", 1, 12), ("c", 3, 30)]
    assert differences_of(stage, [T]) == {}


def test_an_increment_reads_what_grew_under_the_old_spelling(stage, shop):
    captured(stage, "offices", TODAY)
    with source_of(stage) as source:
        known = Lake(stage).days(OFFICES, source.connection)
    shop.run("update offices set territory = 'grew' where officeCode = '1'")
    captured(stage, "offices", TODAY)
    shop.at(TODAY + ONE)
    shop.run("alter table offices change territory TERRITORY varchar(10)")
    shop.run("update offices set territory = 'next' where officeCode = '1'")
    captured(stage, "offices", TODAY + ONE)
    assert as_a_build_reads_it(stage, OFFICES, "territory", known=known) == [("grew",), ("next",)]


@NAMES
@pytest.mark.parametrize("hides", ["private", "hashed"])
def test_what_is_hidden_stays_hidden_when_its_name_changes_only_its_case(stage, shop, old, new, hides):
    """Also on a day that nobody can read anew any more: the binlog is all that there is of it."""
    table = replace(T, **{hides: frozenset({old})})
    stage = replace(stage, hash_key=b"k" * 32)
    shop.run(f"create table t (id int primary key, `{old}` varchar(20), v int)")
    shop.run("insert into t values (1, 'secret', 1)")
    captures(stage, [table], YESTERDAY)
    shop.run(f"alter table t change `{old}` `{new}` varchar(20)")
    shop.run("insert into t values (2, 'secret', 2)")
    captures(stage, [table], TODAY)
    with source_of(stage) as source:
        for item in Lake(stage).days(table, source.connection).values():
            values = source.connection.execute(f"from '{item.stored.url}'").fetchall()
            assert values
            assert "secret" not in str(values)
    assert (new in states_of(stage, table)[TODAY].columns) == (hides == "hashed")


@pytest.mark.parametrize("strategy", [Strategy.LOG, Strategy.COMPARE, Strategy.CURSOR], ids=lambda each: each.value)
def test_a_declaration_means_its_columns_however_it_spells_them(stage, shop, strategy):
    cursor = {"cursor": "N", "overlap": 1} if strategy is Strategy.CURSOR else {}
    table = replace(T, key=("ID",), strategy=strategy, amount=("N",), **cursor)
    shop.run("create table t (Id int primary key, n int not null)")
    shop.run("insert into t values (1, 1)")
    captures(stage, [table], YESTERDAY)
    shop.run("alter table t change Id iD int")
    shop.run("insert into t values (2, 2)")
    (came,) = captures(stage, [table], TODAY)
    assert (came.agrees, came.reconcile_result.first, came.lake_rows) == (True, "", 2)
    assert differences_of(stage, [table]) == {}
