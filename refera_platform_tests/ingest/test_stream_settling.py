"""What the log alone does not tell is settled by the table itself; objects that were lost are missed aloud."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from refera_platform.answers.history import rows_as_of
from refera_platform.duckdb_session.scratch import scratch_folder
from refera_platform.errors import DayRefused, LakeError, QueryError, SourceError
from refera_platform.ingest.result import IngestFailure
from refera_platform.ingest.run import ingest_tables
from refera_platform.ingest.stream import run, task_writer
from refera_platform.lake.lake import Lake
from refera_platform.lake.writer import LakeWriter
from refera_platform.source.connection import open_source
from refera_platform.source.table import SourceTable, Strategy
from refera_platform_tests.business import TODAY
from refera_platform_tests.checkout import find_table
from refera_platform_tests.ingest.logged_tables import differences_of, raw_of, states_of
from refera_platform_tests.ingest.test_stream_changes import passed, server
from refera_platform_tests.local_stack import captured, captures, context_of, source_of

__all__ = ["server"]
ONE = timedelta(days=1)
YESTERDAY = TODAY - ONE
PAYMENTS, ORDERS = find_table("payments"), find_table("orders")


def family(*names):
    """Tables of a test's own."""
    return [SourceTable(database="classicmodels", name=name, key=("id",), about="Family.") for name in names]


def parent_and_child(shop, action):
    """Two tables of three rows each, whose children the server changes when their parent goes."""
    shop.run("create table parent (id int primary key)")
    shop.run(
        f"create table child (id int primary key, p int, foreign key (p) references parent(id) on delete {action})"
    )
    for number in range(3):
        shop.run(f"insert into parent values ({number})")
        shop.run(f"insert into child values ({number}, {number})")
    return family("parent", "child")


def pass_at(stage, moment, tables, *days):
    """Capture days at a moment; a refusal is raised."""
    at = stage.at_instant(moment)
    with scratch_folder(at) as folder, open_source(at, "classicmodels", folder) as source:
        came = list(ingest_tables(context_of(at, source, folder), tables, list(days)))
    for one in came:
        if isinstance(one, IngestFailure):
            raise one.error
    return came


def early(day):
    """When the daily run is on its way, and others have gone on writing."""
    return datetime(day.year, day.month, day.day, 0, 30, tzinfo=UTC)


def night(stage, shop, day, tables):
    """The daily run that closes the day before, with a change of its own day already there."""
    shop.at(day, 0)
    shop.run("update orders set comments = concat(coalesce(comments, ''), '.')")
    return pass_at(stage, early(day), tables, day - ONE)


def lose(stage, table, *days):
    """Take objects out of the lake."""
    lake = Lake(stage)
    for day, item in lake.stored_days(table).items():
        if day in days:
            lake.objects.remove(item.key)


def test_a_table_that_was_altered_is_settled_by_the_run_that_closes_the_day(stage, shop):
    pass_at(stage, early(TODAY), [PAYMENTS], YESTERDAY)
    shop.at(TODAY)
    shop.run("alter table payments add column currency char(3) not null default 'EUR'")
    (came,) = night(stage, shop, TODAY + ONE, [PAYMENTS])
    assert came.agrees
    assert came.source_rows == 3
    assert [(filled.day, filled.state.is_settled) for filled in came.ingested_days] == [
        (TODAY, False),
        (TODAY + ONE, True),
    ]
    assert differences_of(stage, [PAYMENTS]) == {}
    (came,) = night(stage, shop, TODAY + 2 * ONE, [PAYMENTS])
    assert [(filled.day, filled.state.is_closed) for filled in came.ingested_days] == [(TODAY + ONE, True)]
    assert differences_of(stage, [PAYMENTS]) == {}


def test_tables_that_are_settled_take_those_beside_them_to_the_same_moment(stage, shop):
    lines = find_table("orderdetails")
    pass_at(stage, early(TODAY), [lines, ORDERS], YESTERDAY)
    shop.at(TODAY)
    shop.run("alter table orderdetails add column note text")
    shop.at(TODAY + ONE, 0)
    shop.run("insert into orders values (105, '2026-03-11', '2026-03-12', null, 'In Process', null, 10)")
    shop.run("insert into orderdetails values (105, 'P1', 1, 1, 1, 'of this night')")
    came = pass_at(stage, early(TODAY + ONE), [lines, ORDERS], TODAY)
    assert [[filled.day for filled in one.ingested_days] for one in came] == [[TODAY, TODAY + ONE]] * 2
    assert {one.state.end_position for one in came} == {came[0].state.end_position}
    assert differences_of(stage, [lines, ORDERS]) == {}


def test_rows_that_changed_with_those_they_refer_to_are_settled_by_the_run_that_closes_the_day(stage, shop):
    tables = parent_and_child(shop, "set null")
    pass_at(stage, early(TODAY), tables, YESTERDAY)
    shop.at(TODAY)
    shop.run("delete from parent where id = 1")
    night(stage, shop, TODAY + ONE, tables)
    assert differences_of(stage, tables) == {}


def test_rows_behind_the_day_that_cannot_be_counted_stop_nothing(stage, shop):
    pass_at(stage, early(TODAY), [PAYMENTS], YESTERDAY)
    shop.at(TODAY + ONE, 0)
    shop.run("set session binlog_row_image = 'MINIMAL'")
    shop.run("delete from payments where checkNumber = 'C1'")
    shop.run("set session binlog_row_image = 'FULL'")
    (came,) = pass_at(stage, early(TODAY + ONE), [PAYMENTS], TODAY)
    assert (came.source_rows, came.lake_rows, came.agrees) == (None, 3, True)


def test_rows_that_cannot_be_read_stop_their_table_also_when_others_met_them_first(stage, shop):
    captures(stage, [PAYMENTS, ORDERS], YESTERDAY)
    shop.run("update payments set amount = 1")
    captured(stage, "payments", TODAY)
    shop.run("update payments set amount = 2")
    declared_otherwise = replace(PAYMENTS, key=("customerNumber", "nothing"))
    refused, done = passed(stage, [declared_otherwise, ORDERS])  # the log is read from where orders was left
    assert [one.table.name for one in done] == ["orders"]
    assert [str(one.error).split(",")[0] for one in refused] == [
        "The rows of classicmodels.payments in the binlog have no column nothing"
    ]


def test_a_pass_that_failed_while_it_settled_is_not_green_when_it_is_tried_again(stage, shop, monkeypatch):
    tables = parent_and_child(shop, "cascade")
    pass_at(stage, early(TODAY), tables, YESTERDAY)
    shop.at(TODAY)
    shop.run("delete from parent where id = 1")

    def lost(*arguments, **options):
        raise SourceError("Lost connection:", "run again.", is_transient=True)

    with monkeypatch.context() as patched:
        patched.setattr(task_writer, "read_source_table", lost)
        with pytest.raises(SourceError, match="Lost connection"):
            night(stage, shop, TODAY + ONE, tables)
    assert not states_of(stage, tables[1])[TODAY].is_settled
    with monkeypatch.context() as patched:
        patched.setattr(run, "request_days_to_present", lambda *arguments: None)
        _, child = pass_at(stage, early(TODAY + ONE), tables, TODAY)
        assert not child.agrees, "what is open is not green"
    _, child = pass_at(stage, early(TODAY + ONE), tables, TODAY)
    assert (child.agrees, child.unchanged_days, child.day) == (True, (TODAY,), TODAY + ONE)
    assert differences_of(stage, tables) == {}


def test_a_table_that_has_its_day_already_is_taken_to_the_same_moment(stage, shop):
    lines = find_table("orderdetails")
    pass_at(stage, early(TODAY), [lines, ORDERS], YESTERDAY)
    shop.at(TODAY)
    shop.run("alter table orderdetails add column note text")
    pass_at(stage, early(TODAY + ONE), [ORDERS], TODAY)
    shop.at(TODAY + ONE, 0)
    shop.run("insert into orders values (105, '2026-03-11', '2026-03-12', null, 'In Process', null, 10)")
    shop.run("insert into orderdetails values (105, 'P1', 1, 1, 1, 'of this night')")
    came = pass_at(stage, early(TODAY + ONE), [lines, ORDERS], TODAY)
    assert {one.state.end_position for one in came} == {came[0].state.end_position}
    assert differences_of(stage, [lines, ORDERS]) == {}


def test_a_day_that_was_resnapshotted_keeps_its_beginning_for_the_day_before_it(stage, shop):
    pass_at(stage, early(TODAY), [ORDERS], YESTERDAY)
    shop.at(TODAY)
    shop.run("update orders set comments = 'of today'")
    night(stage, shop, TODAY + ONE, [ORDERS])
    shop.at(TODAY + ONE, 1)
    shop.run("update orders set comments = 'of the morning'")
    pass_at(stage, early(TODAY + ONE) + timedelta(hours=2), [ORDERS], TODAY + ONE)
    rows = raw_of(stage, ORDERS, "*", TODAY)
    captured(stage, "orders", TODAY + ONE, afresh=True)
    lose(stage, ORDERS, TODAY)
    captured(stage, "orders", TODAY)
    assert raw_of(stage, ORDERS, "*", TODAY) == rows
    assert differences_of(stage, [ORDERS]) == {}


def test_an_open_day_behind_a_new_baseline_stands_in_nobody_s_way(stage, shop, server):
    captured(stage, "orders", YESTERDAY)
    pass_at(stage, early(TODAY), [ORDERS], TODAY)
    server.execute("reset master")
    captured(stage, "orders", TODAY + ONE, afresh=True)
    shop.at(TODAY + 2 * ONE)
    shop.run("update orders set comments = 'later'")
    captured(stage, "orders", TODAY, TODAY + ONE, TODAY + 2 * ONE)
    assert differences_of(stage, [ORDERS]) == {}


def test_without_names_an_alter_of_a_later_day_is_not_taken_for_one_that_was_seen(stage, shop, server):
    server.execute("set global binlog_row_metadata = 'NO_LOG'")
    (table,) = family("swapped")
    shop.at(YESTERDAY)
    shop.run("create table swapped (id int primary key, a int, b int)")
    shop.run("insert into swapped values (1, 10, 20)")
    pass_at(stage, early(TODAY), [table], YESTERDAY)
    shop.at(TODAY + ONE, 0)
    shop.run("update swapped set a = 11")
    shop.run("alter table swapped modify b int after id")
    pass_at(stage, early(TODAY + ONE), [table], TODAY)
    with pytest.raises(LakeError, match="the binlog does not name the columns"):
        pass_at(stage, early(TODAY + ONE) + timedelta(hours=3), [table], TODAY + ONE)


def test_a_day_that_a_later_one_settled_stays_as_it_is_and_cannot_be_had_again(stage, shop):
    captured(stage, "payments", YESTERDAY - ONE)
    shop.at(YESTERDAY)
    shop.run("update payments set amount = 3")
    shop.run("alter table payments add column currency char(3) not null default 'EUR'")
    shop.at(TODAY)
    shop.run("update orders set status = 'x'")
    captured(stage, "payments", YESTERDAY)
    captured(stage, "payments", TODAY)
    before = raw_of(stage, PAYMENTS, "*", YESTERDAY)
    assert captured(stage, "payments", YESTERDAY).agrees
    assert raw_of(stage, PAYMENTS, "*", YESTERDAY) == before
    lose(stage, PAYMENTS, YESTERDAY)
    with pytest.raises(DayRefused, match=rf"for {YESTERDAY} do not exist in the lake"):
        captured(stage, "payments", TODAY)
    with pytest.raises(LakeError, match=r"the binlog does not hold all its changes.*refera resnapshot"):
        captured(stage, "payments", YESTERDAY)
    assert YESTERDAY not in states_of(stage, PAYMENTS), "a refusal writes nothing"
    captured(stage, "payments", TODAY, afresh=True)
    shop.at(TODAY + ONE)
    shop.run("update payments set amount = 4")
    captured(stage, "payments", TODAY + ONE)
    assert differences_of(stage, [PAYMENTS]) == {}


def test_a_day_whose_object_is_gone_is_missed_aloud_and_comes_back(stage, shop):
    days = [TODAY - ONE * back for back in (3, 2, 1, 0)]
    for day in days:
        shop.at(day)
        shop.run(f"update payments set amount = {day.day}")
        captured(stage, "payments", day)
    lost = raw_of(stage, PAYMENTS, "*", days[2])
    lose(stage, PAYMENTS, days[2])
    with pytest.raises(DayRefused, match=f"refera run --day {days[2]}"):
        captured(stage, "payments", TODAY)
    captured(stage, "payments", days[2], TODAY)
    assert raw_of(stage, PAYMENTS, "*", days[2]) == lost
    lose(stage, PAYMENTS, days[0])
    with pytest.raises(
        DayRefused, match=r"snapshot of classicmodels\.payments does not exist in the lake.*refera resnapshot"
    ):
        captured(stage, "payments", TODAY)


def test_without_names_columns_are_those_of_before_the_day_that_is_read_again(stage, shop, server):
    server.execute("set global binlog_row_metadata = 'NO_LOG'")
    (two,) = family("two")
    shop.run("create table two (id int primary key, a varchar(10), b varchar(10))")
    shop.run("insert into two values (1, 'a0', 'b0')")
    captures(stage, [two], YESTERDAY - ONE)
    shop.at(YESTERDAY)
    shop.run("update two set a = 'a1', b = 'b1'")
    captures(stage, [two], YESTERDAY)
    shop.at(TODAY)
    shop.run("alter table two modify b varchar(10) after id")
    captures(stage, [two], TODAY)
    lose(stage, two, YESTERDAY)
    with pytest.raises(LakeError, match="the binlog does not name the columns"):
        captures(stage, [two], YESTERDAY)


def test_without_names_an_alter_that_a_table_has_seen_is_no_news_when_another_table_lags(stage, shop, server):
    server.execute("set global binlog_row_metadata = 'NO_LOG'")
    captures(stage, [PAYMENTS, ORDERS], YESTERDAY)
    shop.run("alter table payments add column x int default 3")
    captured(stage, "payments", TODAY)
    shop.run("update payments set x = 5")
    refused, done = passed(stage, [PAYMENTS, ORDERS])
    assert refused == []
    assert len(done) == 2
    assert differences_of(stage, [PAYMENTS, ORDERS]) == {}


def test_a_place_that_is_gone_stops_the_tables_that_need_it_and_no_other(stage, shop, server):
    captures(stage, [PAYMENTS, ORDERS], YESTERDAY)
    shop.run("update payments set amount = 3")
    server.execute("reset master")
    captured(stage, "orders", TODAY, afresh=True)
    shop.run("update orders set status = 'w'")
    refused, done = passed(stage, [PAYMENTS, ORDERS])
    assert [one.table.name for one in refused] == ["payments"]
    assert [one.table.name for one in done] == ["orders"]
    assert differences_of(stage, [ORDERS]) == {}


PARENTS = {
    "a column that was renamed": [
        "alter table parent rename column code to code2",
        "update parent set code2 = 11 where id = 1",
    ],
    "an image of some columns": [
        "set session binlog_row_image = 'MINIMAL'",
        "update parent set code = 11 where id = 1",
        "set session binlog_row_image = 'FULL'",
    ],
}


@pytest.mark.parametrize("change", PARENTS)
def test_a_parent_whose_rows_cannot_be_read_leaves_its_children_to_be_read_anew(stage, shop, change):
    child, payments = *family("child"), PAYMENTS
    shop.run("create table parent (id int primary key, code int unique, note int)")
    shop.run(
        "create table child (id int primary key, code int, foreign key (code) references parent(code) on update cascade)"
    )
    shop.run("insert into parent values (1, 10, 0)")
    shop.run("insert into child values (1, 10)")
    captures(stage, [child, payments], YESTERDAY)
    shop.run("update parent set note = 5")
    for statement in PARENTS[change]:
        shop.run(statement)
    shop.run("update payments set amount = 77")
    refused, done = passed(stage, [child, payments])
    assert refused == []
    assert len(done) == 2
    assert differences_of(stage, [child, payments]) == {}


def test_a_switch_from_compare_that_was_killed_between_its_days_goes_on(stage, monkeypatch, shop):
    days = [TODAY - ONE * back for back in (3, 2, 1, 0)]
    captures(stage, [replace(PAYMENTS, strategy=Strategy.COMPARE)], days[0])
    writes, genuine = [], LakeWriter.write_day

    def dies(*arguments, **options):
        writes.append(arguments)
        if len(writes) == 3:
            raise KeyboardInterrupt
        return genuine(*arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(LakeWriter, "write_day", dies)
        with pytest.raises(KeyboardInterrupt):
            captured(stage, "payments", *days[1:])
    captured(stage, "payments", *days[1:])
    assert differences_of(stage, [PAYMENTS]) == {}
    assert [state.is_observed for state in states_of(stage, PAYMENTS).values()] == [True, False, False, True]


def then(stage, table, day):
    """The table at the end of a day."""
    with source_of(stage) as source:
        return source.connection.execute(rows_as_of(Lake(stage), source.connection, table, day)).fetchall()


@pytest.mark.parametrize("later", [Strategy.SNAPSHOT, Strategy.LOG, Strategy.COMPARE], ids=lambda each: each.value)
@pytest.mark.parametrize("first", [Strategy.SNAPSHOT, Strategy.COMPARE], ids=lambda each: each.value)
def test_a_day_is_what_it_was_also_after_the_strategy_changed(stage, shop, first, later):
    before, after = replace(PAYMENTS, strategy=first), replace(PAYMENTS, strategy=later)
    captures(stage, [before], TODAY - 2 * ONE)
    shop.run("delete from payments where checkNumber = 'C1'")
    shop.run("update payments set amount = 5 where checkNumber = 'C2'")
    captures(stage, [before], YESTERDAY)
    wanted = then(stage, before, YESTERDAY)
    assert [(row[1], int(row[3])) for row in wanted] == [("C2", 5), ("C3", 0)]
    captures(stage, [after], YESTERDAY)
    captures(stage, [after], TODAY)
    assert then(stage, after, YESTERDAY) == wanted
    assert differences_of(stage, [after]) == {}


def test_a_day_that_the_log_left_open_is_not_told_as_if_it_were_known(stage, shop):
    pass_at(stage, early(TODAY), [PAYMENTS], YESTERDAY)
    shop.at(TODAY)
    shop.run("alter table payments add column currency char(3) not null default 'EUR'")
    night(stage, shop, TODAY + ONE, [PAYMENTS])
    with pytest.raises(QueryError, match=rf"does not contain all changes of .* on {TODAY} .*settled on {TODAY + ONE}"):
        then(stage, PAYMENTS, TODAY)
    assert {row[-1] for row in then(stage, PAYMENTS, TODAY + ONE)} == {"EUR"}
