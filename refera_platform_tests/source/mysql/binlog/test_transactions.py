"""The log as transactions: only what was committed, in order, also through XA, rollbacks, rotation and lost connections."""

import time
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import pymysql
import pytest

from refera_platform.errors import LakeError, SourceError
from refera_platform.sandbox import stack
from refera_platform.settings.stage import load_stage
from refera_platform.source.mysql.binlog import events
from refera_platform.source.mysql.binlog.dump_connection import LocatedEvent
from refera_platform.source.mysql.binlog.transaction_reader import TransactionReader
from refera_platform.source.mysql.binlog.verified_position import require_same_binlog, verify_position
from refera_platform.source.mysql.wire import open_wire
from refera_platform.source.position import Position
from refera_platform_tests.business import open_shop
from refera_platform_tests.local_stack import owner, root, source_of
from refera_platform_tests.source.mysql.binlog.reading import Listener, end_of_log, from_here

XID_BYTES = 31
"""Header, number and checksum of the event that ends a transaction."""
BIG = "insert into payments select 10, concat(%s, seq), '2026-01-01', 1 from seq_1_to_2000"


def test_transactions_come_in_the_order_of_their_commits_and_rollbacks_never(stage, shop, home):
    with from_here(stage) as read, owner(home) as other, other.cursor() as cursor:
        shop.run("begin")
        shop.run("update orders set status = 'late' where orderNumber = 100")
        cursor.execute("update payments set amount = 1 where checkNumber = 'C1'")
        shop.run("delete from orderdetails where orderNumber = 104")
        shop.run("commit")
        shop.run("begin")
        shop.run("delete from payments")
        shop.run("rollback")
        shop.run("begin")
        shop.run("update products set buyPrice = 2 where productCode = 'P3'")
        shop.run("savepoint here")
        shop.run("delete from payments")
        shop.run("rollback to savepoint here")
        shop.run("commit")
        listener, _ = read()
    assert listener.stories == [
        ["u payments", "commit"],
        ["u orders", "d orderdetails", "commit"],
        ["u products", "commit"],
    ]


def test_a_prepared_transaction_counts_when_it_is_committed_and_is_forgotten_when_it_is_rolled_back(stage, shop):
    with from_here(stage) as read:
        for name in ("one", "two"):
            shop.run(f"xa start '{name}', 'b', 7")
            shop.run("update offices set phone = concat(phone, 'x')" if name == "one" else "delete from payments")
            shop.run(f"xa end '{name}', 'b', 7")
            shop.run(f"xa prepare '{name}', 'b', 7")
            if name == "one":
                shop.run("xa commit 'one', 'b', 7")
        shop.run("xa rollback 'two', 'b', 7")
        shop.run("xa start 'three'")
        shop.run("update payments set amount = 3")
        shop.run("xa end 'three'")
        shop.run("xa commit 'three' one phase")
        listener, _ = read()
    assert listener.stories == [["u offices", "commit"], ["u payments", "commit"]]


def test_a_transaction_prepared_on_one_day_and_committed_on_the_next_is_read_from_where_it_was_prepared(stage, shop):
    with from_here(stage) as read:
        shop.run("xa start 'open'")
        shop.run("update payments set amount = 4")
        shop.run("xa end 'open'")
        shop.run("xa prepare 'open'")
        first, reader = read()
        boundary, resume = reader.position, reader.resume_position
        shop.run("xa commit 'open'")
        second, _ = read(since=resume)
        without, _ = read(since=boundary)
    assert first.stories == []
    assert resume.order < boundary.order
    assert second.stories == [["u payments", "commit"]]
    assert second.told[-1][0].position.order >= boundary.order
    assert without.stories == [["unclear", "commit"]]


def test_ddl_is_told_as_a_statement_and_rows_made_with_a_table_as_rows(stage, shop):
    with from_here(stage) as read:
        shop.run("truncate table payments")
        shop.run("create table copied (primary key (officeCode)) as select * from offices")
        shop.run("rename table copied to renamed")
        shop.run("drop table renamed")
        listener, _ = read()
    truncate, create, rename, drop = listener.stories
    assert truncate == ["classicmodels: truncate table payments", "commit"]
    assert create[0].startswith("classicmodels: CREATE TABLE `copied`")
    assert create[1:] == ["c copied", "commit"]
    assert rename[0] == "classicmodels: rename table copied to renamed"
    assert drop[0].startswith("classicmodels: DROP TABLE `renamed`")


def test_the_log_goes_on_in_the_next_file_and_ends_where_it_ended(stage, shop, home):
    with from_here(stage) as read, root(home) as connection, connection.cursor() as cursor:
        shop.run("update payments set amount = 5")
        cursor.execute("flush binary logs")
        shop.run("update payments set amount = 6")
        listener, reader = read()
        with source_of(stage) as source:
            assert reader.position.file == end_of_log(source).file
    assert reader.position.begun
    assert [story for story in listener.stories if "u payments" in story] == [["u payments", "commit"]] * 2
    places = [transaction.position.order for transaction, _ in listener.told]
    assert places == sorted(places)


def test_a_rollback_to_a_savepoint_that_the_log_holds_does_not_end_the_transaction(stage, shop):
    shop.run("create table plain (id int primary key) engine=MyISAM")
    with from_here(stage) as read:
        shop.run("begin")
        shop.run("update payments set amount = 1 where checkNumber = 'C1'")
        shop.run("savepoint here")
        shop.run("insert into plain values (1)")  # cannot be rolled back, so the log has to tell of both
        shop.run("rollback to savepoint here")
        shop.run("update orders set status = 'x' where orderNumber = 100")
        shop.run("commit")
        listener, _ = read()
    assert listener.stories == [["c plain", "commit"], ["u payments", "unclear", "u orders", "commit"]]


def test_a_log_that_goes_on_without_a_transaction_is_read_to_its_end(stage, shop, home):
    with from_here(stage) as read, root(home) as connection, connection.cursor() as cursor:
        cursor.execute("flush binary logs")
        file, offset = place_of(cursor)
        deadline = (
            time.monotonic() + 20
        )  # the server adds a checkpoint to the new file when the engine is done with the old one
        while place_of(cursor) == (file, offset) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert place_of(cursor) > (file, offset)
        listener, reader = read()
        assert (reader.position.file, reader.position.offset) == place_of(cursor)
    assert listener.told == []


def place_of(cursor):
    cursor.execute("show master status")
    return cursor.fetchone()[:2]


def test_a_connection_lost_in_the_middle_of_a_transaction_tells_each_row_once(stage, shop, monkeypatch):
    with from_here(stage) as read:
        shop.run("begin")
        for prefix in ("AA", "BB", "DD"):
            shop.run(BIG, (prefix,))
        shop.run("commit")
        whole, _ = read()
        wires = []

        def connect():
            wire = open_wire(stage.databases["classicmodels"])
            wires.append(wire)
            genuine = wire.command

            def command(code, argument):
                for count, packet in enumerate(genuine(code, argument)):
                    if len(wires) < 4 and count > 5 * len(wires):
                        wire.close()
                        raise pymysql.OperationalError(2013, "Lost connection")
                    yield packet

            monkeypatch.setattr(wire, "command", command)
            return wire

        broken, _ = read(connect)
    assert len(wires) == 4
    assert broken.stories == whole.stories
    assert len(whole.stories[0]) > 12


def test_a_server_that_cuts_every_connection_is_said_to_be_in_trouble_and_may_pass(stage, shop, monkeypatch):
    with from_here(stage) as read:
        shop.run("update payments set amount = 9")

        def connect():
            wire = open_wire(stage.databases["classicmodels"])
            wire.close()
            raise pymysql.OperationalError(2013, "Lost connection to the server")

        with pytest.raises(SourceError, match=r"The binlog could not be read .*Lost connection") as error:
            read(connect)
    assert error.value.is_transient


def test_two_readers_at_once_do_not_cut_each_other_off(stage, shop):
    with from_here(stage) as read:
        shop.run(BIG, ("X",))
        listeners = []

        def connect():
            if not listeners:
                listeners.append(None)
                listeners[0] = read()[0]
            return open_wire(stage.databases["classicmodels"])

        outer, _ = read(connect)
    assert listeners[0].stories == outer.stories


def test_a_place_that_the_log_does_not_have_is_refused_by_name(stage, shop):
    with source_of(stage) as source:
        here = end_of_log(source)
        require_same_binlog(source.server, here)
        later = Position(file=here.file, offset=here.offset + 5000)
        gone = Position(file=f"{here.file.rpartition('.')[0]}.000000", offset=4)
        other = Position(file=here.file, offset=here.offset, gtid="0-1-1")
        for place, said in (
            (later, "is not the one"),
            (gone, "was purged; the oldest file is"),
            (other, "is not the one"),
        ):
            with pytest.raises(LakeError, match=f"{said}.*refera resnapshot"):
                require_same_binlog(source.server, place)


@pytest.fixture
def elsewhere(tmp_path):
    """A server of the test's own, that may be stopped and killed."""
    stack.start_stack(tmp_path)
    yield tmp_path
    stack.stop_stack(tmp_path, wipe=True)


def test_after_a_restart_places_have_the_second_of_the_new_file_also_on_a_quiet_server(elsewhere):
    stage = load_stage({"REFERA_STAGE": "test", "REFERA_HOME": str(elsewhere)})
    with open_shop(elsewhere), source_of(stage) as source:
        start = verify_position(partial(open_wire, stage.databases["classicmodels"]), source.server, end_of_log(source))
    stack.stop_stack(elsewhere)
    stack.start_stack(elsewhere)
    stage = load_stage({"REFERA_STAGE": "test", "REFERA_HOME": str(elsewhere)})
    with source_of(stage) as source:
        connect, end = partial(open_wire, stage.databases["classicmodels"]), end_of_log(source)
        reader = TransactionReader(connect, source.server, start, end)
        assert list(reader.read_events()) == []  # nobody wrote anything
        assert (reader.position.order, reader.position.begun) == (
            end.order,
            verify_position(connect, source.server, end).begun,
        )
    with closing(owner(elsewhere)) as connection, connection.cursor() as cursor, source_of(stage) as source:
        cursor.execute("update payments set amount = 5")
        listener = Listener()
        reader = TransactionReader(connect, source.server, start, end_of_log(source))
        listener.listen(reader.read_events())
        (transaction, story) = listener.told[-1]
        assert story == ["u payments", "commit"]
        assert transaction.position.begun == verify_position(connect, source.server, end).begun != start.begun
        again = TransactionReader(connect, source.server, transaction.position, end_of_log(source))
        listener.listen(again.read_events())  # the log it asks for is the one that the place was noted in


def test_rows_of_a_transaction_that_a_crash_cut_off_are_said_to_be_unclear(elsewhere):
    stage = load_stage({"REFERA_STAGE": "test", "REFERA_HOME": str(elsewhere)})
    with open_shop(elsewhere) as shop, source_of(stage) as source:
        start = end_of_log(source)
        shop.run("update payments set amount = 6")
        end = end_of_log(source)
        (data,) = [row[1] for row in shop.ask("show variables like 'datadir'")]
    stack.stop_stack(elsewhere)
    file = Path(data) / end.file
    file.write_bytes(file.read_bytes()[: end.offset - XID_BYTES])  # the end of the transaction was not yet written
    stack.start_stack(elsewhere)
    with source_of(stage) as source:
        listener = Listener()
        connect = partial(
            open_wire,
            load_stage({"REFERA_STAGE": "test", "REFERA_HOME": str(elsewhere)}).databases["classicmodels"],
        )
        listener.listen(TransactionReader(connect, source.server, start, end_of_log(source)).read_events())
    assert listener.stories == [["u payments", "unclear"]]


def test_an_event_that_is_not_known_stops_and_one_that_may_be_passed_over_does_not():
    reader = TransactionReader(
        None, None, Position(file="binlog.000001", offset=4), Position(file="binlog.000001", offset=900)
    )
    strange = events.BinlogEvent(172, 0, 200, 196, b"")
    with pytest.raises(LakeError, match=r"event of kind 172 at binlog\.000001:4, which is not known"):
        list(reader._dispatch_event(LocatedEvent(strange, "binlog.000001", 4, 200)))
    ignorable = LocatedEvent(replace(strange, flags=events.IGNORABLE_FLAG), "binlog.000001", 4, 200)
    assert list(reader._dispatch_event(ignorable)) == []
    assert reader.position.offset == 200


def test_rows_without_their_table_map_are_a_damaged_log():
    reader = TransactionReader(
        None, None, Position(file="binlog.000001", offset=4), Position(file="binlog.000001", offset=900)
    )
    begin = events.BinlogEvent(events.MARIADB_GTID, 0, 46, 42, bytes(13))
    assert len(list(reader._dispatch_event(LocatedEvent(begin, "binlog.000001", 4, 46)))) == 1
    with pytest.raises(SourceError, match="rows without their table map"):
        list(
            reader._dispatch_event(LocatedEvent(events.BinlogEvent(23, 0, 90, 44, bytes(20)), "binlog.000001", 46, 90))
        )
