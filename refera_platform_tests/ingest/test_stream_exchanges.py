"""Tables that are exchanged for others: rows, counts and history are those of the table that has the name now."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from refera_platform.duckdb_session.scratch import scratch_folder
from refera_platform.lake.lake import Lake
from refera_platform.lake.writer import empty_rows
from refera_platform.orchestration.checks import ingest
from refera_platform.source.table import SourceTable
from refera_platform_tests.business import TODAY
from refera_platform_tests.ingest.logged_tables import differences_of, raw_of, states_of
from refera_platform_tests.ingest.test_stream_changes import server
from refera_platform_tests.ingest.test_stream_settling import early, pass_at
from refera_platform_tests.local_stack import captures, context_of, source_of

__all__ = ["server"]
ONE = timedelta(days=1)
YESTERDAY = TODAY - ONE
T, OTHER = (
    SourceTable(database="classicmodels", name=name, key=("id",), about="Exchanged.") for name in ("t", "other")
)
PARTITIONED = "partition by range (id) (partition p0 values less than (10), partition p1 values less than maxvalue)"
RELOAD = [
    "create table t_new like t",
    "insert into t_new values (1, 'v1'), (2, 'changed'), (4, 'new')",
]
FORMS = {
    "log rotation": (
        ["rename table t to t_old", "create table t like t_old", "insert into t values (2, 'new')"],
        ["d1", "d2", "d20", "d3", "c2"],
    ),
    "nightly reload": (
        [*RELOAD, "rename table t to t_bak, t_new to t", "drop table t_bak", "update t set v = 'after' where id = 4"],
        ["d20", "d3", "u2", "u4"],
    ),
    "nightly reload that goes on": (
        [*RELOAD, "rename table t to t_bak, t_new to t", "insert into t values (3, 'again')"],
        ["c3", "c4", "d20", "d3", "u2"],
    ),
    "a swap of two copied tables": (
        [
            "rename table t to aside, other to t, aside to other",
            "insert into t values (3, 'x')",
            "delete from other where id = 1",
        ],
        ["c30", "c3", "d1", "d2", "d20", "d3"],
    ),
    "exchange partition": (
        ["alter table t exchange partition p0 with table s", "update t set v = 'x' where id = 3"],
        ["c5", "d1", "d2", "u3"],
    ),
    "create or replace ... select": (
        ["create or replace table t select 2 as id, 'two' as v"],
        ["c2", "d1", "d2", "d20", "d3"],
    ),
    "drop partition": (["alter table t drop partition p0", "insert into t values (2, 'x')"], ["c2", "d1", "d2", "d3"]),
    "renamed away and back": (
        ["alter table t rename to away", "update away set v = 'x' where id = 3", "alter table away rename to t"],
        ["u3"],
    ),
}


def begin(stage, shop, form):
    """The tables as they were on the day before."""
    partitions = PARTITIONED if "partition" in form else ""
    shop.run(f"create table t (id int primary key, v varchar(40)) {partitions}")
    shop.run("create table s (id int primary key, v varchar(40))")
    shop.run("create table other (id int primary key, v varchar(40))")
    shop.run("insert into t values (1, 'v1'), (2, 'v2'), (3, 'v3'), (20, 'v20')")
    shop.run("insert into s values (3, 's3'), (5, 's5')")
    shop.run("insert into other values (30, 'other')")
    captures(stage, [T, OTHER], YESTERDAY)


@pytest.mark.parametrize("form", FORMS)
def test_a_table_that_was_exchanged_has_the_rows_the_count_and_the_history_of_the_one_that_is_there(stage, shop, form):
    statements, history = FORMS[form]
    begin(stage, shop, form)
    for statement in statements:
        shop.run(statement)
    came, _ = captures(stage, [T, OTHER], TODAY)
    (there,) = shop.ask("select count(*) from t")[0]
    assert (came.lake_rows, came.source_rows, came.state.table_rows) == (there, there, there)
    assert came.agrees
    assert differences_of(stage, [T, OTHER]) == {}
    assert sorted(f"{op}{number}" for op, number in raw_of(stage, T, "_op, id", TODAY)) == sorted(history)
    require_ended(stage)
    shop.run("insert into t values (77, 'goes on')")
    came, _ = captures(stage, [T, OTHER], TODAY)
    assert (came.lake_rows, came.source_rows, came.state.table_rows) == (there + 1, there + 1, there + 1)
    assert differences_of(stage, [T]) == {}


def require_ended(stage):
    """No key is created while a row of it is there, and no position is there twice."""
    there, rows = set(), raw_of(stage, T, "_op, id, _position")
    for op, number, _ in rows:
        assert not (op == "c" and number in there), f"{number} was created while it was there"
        (there.discard if op == "d" else there.add)(number)
    assert max(Counter(position for *_, position in rows).values()) == 1


def test_a_day_that_a_later_one_settles_counts_what_the_lake_has(stage, shop):
    begin(stage, shop, "log rotation")
    for statement in FORMS["log rotation"][0]:
        shop.run(statement)
    shop.at(TODAY + ONE, 0)
    shop.run("insert into t values (5, 'of the night')")
    came, _ = pass_at(stage, early(TODAY + ONE), [T, OTHER], TODAY)
    assert came.agrees
    assert [(day, state.table_rows) for day, state in states_of(stage, T).items()] == [
        (YESTERDAY, 4),
        (TODAY, 4),
        (TODAY + ONE, 2),
    ]
    require_ended(stage)


def test_a_count_that_is_wrong_in_the_lake_is_right_after_the_next_run(stage, shop):
    """As the versions before left it behind: the rows are right, and the number is not."""
    begin(stage, shop, "")
    with source_of(stage) as source:
        lake = Lake(stage)
        item = lake.days(T, source.connection)[YESTERDAY]
        with scratch_folder(stage) as folder:
            wrong = replace(item.state, table_rows=7, rows={**item.state.rows})
            writer = context_of(stage, source, folder).writer
            writer.write_day(T, wrong, empty_rows(wrong), existing=item.stored, is_extension=True)
    assert states_of(stage, T)[YESTERDAY].table_rows == 7
    shop.run("insert into t values (5, 'v5')")
    (came,) = captures(stage, [T], TODAY)
    assert (came.agrees, came.lake_rows, came.state.table_rows) == (True, 5, 5)


def test_rows_that_the_lake_lacks_are_told_with_the_remedy(stage, shop, server):
    """The twin: a number that is truly wrong stays red, however often it is counted."""
    begin(stage, shop, "")
    server.execute("set session sql_log_bin = 0")
    server.execute("insert into t values (5, 'behind the back of the log')")
    (came,) = captures(stage, [T], TODAY)
    assert (came.agrees, came.lake_rows, came.source_rows) == (False, 4, 5)
    (check,) = [
        each
        for each in ingest.ingest_check_results(came, shows_values=False)
        if each.check_name == ingest.ROW_COUNT_CHECK
    ]
    assert not check.passed
    assert "has 4 rows in the lake, counted one by one, and 5 at the source" in check.description
    assert "`refera resnapshot classicmodels.t`" in check.description
    (came,) = captures(stage, [T], TODAY, afresh=True)
    assert (came.agrees, came.lake_rows) == (True, 5)
