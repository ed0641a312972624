"""Reader of the binlog as transactions: yields what was committed, in binlog order, each with its position.

Transactions that were rolled back are left out. A prepared XA transaction waits in an ``XaBuffer`` until the binlog
has its COMMIT or ROLLBACK; a later reader starts at the oldest one still open (``resume_position``).
Decodes no rows: ``row_decoder`` does. Parses no DDL: ``ddl`` does.

    dump_binlog() ──▶ TransactionReader.read_events() ──▶ TransactionBegin, RowsEvent, StatementEvent, TransactionCommit
"""

import re
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace

import pymysql

from refera_platform.errors import LakeError, SourceError
from refera_platform.source.change_stream import TransactionBegin, TransactionCommit
from refera_platform.source.mysql.binlog import events
from refera_platform.source.mysql.binlog.dump_connection import LocatedEvent, dump_binlog
from refera_platform.source.mysql.binlog.read_errors import (
    LOST_CHANGES,
    binlog_read_error,
    is_lost_connection,
    replaced_binlog_error,
    unknown_event_error,
)
from refera_platform.source.mysql.binlog.stream_event import BinlogEvents, RowsEvent, StatementEvent, UnclearEvent
from refera_platform.source.mysql.binlog.transaction import BinlogTransaction, transaction_of_gtid
from refera_platform.source.mysql.binlog.xa_buffer import XaBuffer
from refera_platform.source.mysql.server import Server
from refera_platform.source.mysql.wire import Wire, closing_wire
from refera_platform.source.position import FIRST_OFFSET, Position

XA_END = re.compile(r"XA (COMMIT|ROLLBACK) (X'[0-9a-f]*',X'[0-9a-f]*',\d+)", re.IGNORECASE)
XA_START = re.compile(r"XA START (X'[0-9a-f]*',X'[0-9a-f]*',\d+)", re.IGNORECASE)
ROLLBACK_TO = re.compile(r"ROLLBACK\s+(WORK\s+)?TO\b", re.IGNORECASE)
SAVEPOINTS = re.compile(r"(SAVEPOINT|RELEASE SAVEPOINT|XA END)\b", re.IGNORECASE)
UNDECODABLE_CHARACTER = "\N{REPLACEMENT CHARACTER}"
"""Present in a statement whose bytes are not UTF-8, so that its names cannot be trusted."""
MAX_CONNECTION_LOSSES = 3
"""Lost connections in a row without a new transaction, after which reading fails."""


class TransactionReader:
    """Reads from one position to a later one; reconnects after a lost connection."""

    def __init__(self, connect: Callable[[], Wire], server: Server, start: Position, until: Position) -> None:
        self.position = start
        """Everything before it was yielded."""
        self._until = until
        self._connect = connect
        self._server = server
        self._prepared: dict[str, XaBuffer] = {}
        self._table_maps: dict[bytes, bytes] = {}
        self._transaction: BinlogTransaction | None = None
        self._is_yielded = False
        self._is_standalone: bool | None = None
        self._xa_buffer: XaBuffer | None = None
        self._delivered_events = self._delivered_before = 0
        self._transaction_order = start.order

    @property
    def resume_position(self) -> Position:
        """Position at which a later reader must start to see every transaction that is still prepared."""
        buffer_positions = [buffer.position for buffer in self._prepared.values()]
        return min([*buffer_positions, self.position], key=lambda position: position.order)

    def read_events(self) -> Generator[BinlogEvents, None, None]:
        """Yield everything up to the end position; stop reading to leave the rest.

        Raises:
            SourceError: when the binlog cannot be read, also after reconnecting.
            LakeError: when the binlog is not the one of the start position, or has lost changes.
        """
        try:
            yield from self._read_with_reconnects()
        finally:
            for buffer in self._prepared.values():
                buffer.close()

    def _read_with_reconnects(self) -> Iterator[BinlogEvents]:
        connection_losses = 0
        while self.position.order < self._until.order:
            previous = self.position
            try:
                with closing_wire(self._connect()) as wire:
                    yield from self._read_connection(wire)
            except (pymysql.OperationalError, OSError) as error:
                connection_losses = 0 if self.position.order > previous.order else connection_losses + 1
                if connection_losses > MAX_CONNECTION_LOSSES or not is_lost_connection(error):
                    raise binlog_read_error(error, self.position) from None
        begun = self.position.begun if self.position.file == self._until.file else self._until.begun
        self.position = replace(self._until, begun=begun)

    def _read_connection(self, wire: Wire) -> Iterator[BinlogEvents]:
        self._delivered_before, self._delivered_events = max(self._delivered_events, self._delivered_before), 0
        self._transaction = self._xa_buffer = None
        for located in dump_binlog(wire, self._server, self.position.file, self.position.offset):
            yield from self._dispatch_event(located)
            if self.position.order >= self._until.order:
                return
        raise SourceError(
            f"The binlog ended at {self.position} before {self._until}, the end that the server reported:",
            "run again; the server may have been restarted meanwhile.",
            is_transient=True,
        )

    def _dispatch_event(self, located: LocatedEvent) -> Iterator[BinlogEvents]:
        event, kind = located.event, located.event.kind
        if kind in events.ROWS_EVENTS:
            yield from self._handle_rows(event)
        elif kind == events.TABLE_MAP:
            self._table_maps[event.body[:6]] = event.body
            if self._xa_buffer:
                self._xa_buffer.append_event(event)
        elif kind == events.MARIADB_GTID or kind in events.MYSQL_GTIDS:
            yield from self._begin_transaction(
                transaction_of_gtid(located.file, located.start, event, self.position.begun)
            )
        elif kind in (events.QUERY, events.QUERY_COMPRESSED, events.LOAD_QUERY):
            yield from self._handle_query(located)
        elif kind == events.XID:
            yield from self._commit_transaction(located)
        elif kind == events.XA_PREPARE:
            yield from self._prepare_xa(located)
        elif kind == events.PAYLOAD:
            for inner in events.payload_events(event):
                yield from self._dispatch_event(LocatedEvent(inner, located.file, located.start, located.end))
        elif kind == events.FORMAT:
            yield from self._begin_file(located)
        elif kind in LOST_CHANGES:
            raise LakeError(f"{LOST_CHANGES[kind][0]} at {located.file}:{located.start}:", LOST_CHANGES[kind][1])
        elif (
            kind != events.ROTATE and kind not in events.KINDS_WITHOUT_ROWS and not event.flags & events.IGNORABLE_FLAG
        ):
            raise unknown_event_error(located)
        elif event.end and self._transaction is None:  # a checkpoint or the like may be the last event of the binlog
            begun = 0 if kind == events.ROTATE else self.position.begun
            self.position = replace(self.position, file=located.file, offset=located.end, begun=begun)

    def _begin_file(self, located: LocatedEvent) -> Iterator[BinlogEvents]:
        position, begun = self.position, located.event.timestamp_seconds
        if located.file == position.file:
            if position.begun and begun != position.begun:
                raise replaced_binlog_error(position)
            self.position = replace(position, begun=begun)
            return
        # the server stopped or crashed: a transaction it was still writing was never committed
        if self._is_yielded and self._delivered_events:
            yield UnclearEvent()
        self._transaction = self._xa_buffer = None
        self._is_yielded = False
        self.position = replace(position, file=located.file, offset=FIRST_OFFSET, begun=begun)

    def _begin_transaction(self, transaction: BinlogTransaction) -> Iterator[BinlogEvents]:
        if transaction.position.order != self._transaction_order:
            self._transaction_order, self._delivered_before = transaction.position.order, 0
        self._delivered_events = 0
        self._transaction, self._is_standalone = transaction, transaction.is_standalone
        self._xa_buffer = (
            XaBuffer(transaction.position, transaction.prepared_xa_name) if transaction.prepared_xa_name else None
        )
        self._is_yielded = self._xa_buffer is None
        if self._is_yielded:
            yield TransactionBegin(transaction, self.resume_position)

    def _handle_query(self, located: LocatedEvent) -> Iterator[BinlogEvents]:
        schema, sql = events.read_query_event(located.event)
        verb = sql[:9].upper().rstrip("; ")
        if self._transaction is None:  # a server without GTIDs
            position = Position(file=located.file, offset=located.start, begun=self.position.begun)
            yield from self._begin_transaction(
                BinlogTransaction(position=position, timestamp_seconds=located.event.timestamp_seconds)
            )
        begin_position = self._transaction.position if self._transaction else self.position
        if self._is_standalone is None:
            self._is_standalone = verb != "BEGIN" and not XA_START.match(sql) and not _is_create_select(sql)
        if match := XA_START.match(sql):
            self._xa_buffer, self._is_yielded = XaBuffer(begin_position, match[1].lower()), False
        elif match := XA_END.match(sql):
            yield from self._complete_xa(match[2].lower(), is_committed=match[1].upper() == "COMMIT")
            self._end_transaction(located)
        elif verb.startswith("ROLLBACK"):
            yield from self._mark_unclear()
            if not ROLLBACK_TO.match(sql):
                yield from self._commit_transaction(located)
        elif verb == "COMMIT":
            yield from self._commit_transaction(located)
        elif verb != "BEGIN" and not SAVEPOINTS.match(sql):
            if self._xa_buffer or UNDECODABLE_CHARACTER in sql:
                yield from self._mark_unclear()
            if self._is_yielded:
                yield StatementEvent(schema, sql)
            if self._is_standalone:
                yield from self._commit_transaction(located)

    def _mark_unclear(self) -> Iterator[BinlogEvents]:
        """The transaction changes rows that its row events do not show."""
        if self._xa_buffer:
            self._xa_buffer.is_unclear = True
        elif self._is_yielded:
            yield UnclearEvent()

    def _handle_rows(self, event: events.BinlogEvent) -> Iterator[BinlogEvents]:
        if self._xa_buffer:
            self._xa_buffer.append_event(event)
        elif self._is_yielded:
            self._delivered_events += 1
            if (
                self._delivered_events > self._delivered_before
            ):  # rows delivered before the connection was lost are not delivered again
                body = events.rows_body(event)
                yield RowsEvent(*events.ROWS_EVENTS[event.kind], _table_map_of(self._table_maps, body), body)

    def _prepare_xa(self, located: LocatedEvent) -> Iterator[BinlogEvents]:
        buffer = self._xa_buffer
        if buffer is None:
            raise SourceError(
                f"The binlog prepares a transaction at {located.file}:{located.start} that it never began:",
                events.DAMAGED_REMEDY,
            )
        self._prepared[buffer.name] = buffer
        if located.event.body[0]:  # committed in one phase
            yield from self._complete_xa(buffer.name, is_committed=True)
        self._end_transaction(located)

    def _complete_xa(self, name: str, *, is_committed: bool) -> Iterator[BinlogEvents]:
        buffer = self._prepared.pop(name, None)
        if is_committed and self._transaction:
            if not self._is_yielded:
                yield TransactionBegin(self._transaction, self.resume_position)
            # no buffer: it was prepared before the first position that was read
            if buffer is None or buffer.is_unclear:
                yield UnclearEvent()
            maps: dict[bytes, bytes] = {}
            for kind, body in buffer.read_events() if buffer else ():
                if kind == events.TABLE_MAP:
                    maps[body[:6]] = body
                else:
                    yield RowsEvent(*events.ROWS_EVENTS[kind], _table_map_of(maps, body), body)
            yield TransactionCommit()
        if buffer:
            buffer.close()

    def _commit_transaction(self, located: LocatedEvent) -> Iterator[BinlogEvents]:
        if self._is_yielded:
            yield TransactionCommit()
        self._end_transaction(located)

    def _end_transaction(self, located: LocatedEvent) -> None:
        gtid = self._server.gtid_after(self.position.gtid, self._transaction.gtid if self._transaction else "")
        self._transaction = self._xa_buffer = None
        self._is_yielded = False
        self._delivered_events = self._delivered_before = 0
        self._table_maps.clear()
        self.position = Position(file=located.file, offset=located.end, begun=self.position.begun, gtid=gtid)


def _table_map_of(maps: dict[bytes, bytes], body: bytes) -> bytes:
    """The table map that a rows event belongs to."""
    try:
        return maps[body[:6]]
    except KeyError:
        raise SourceError("The binlog has rows without their table map:", events.DAMAGED_REMEDY) from None


def _is_create_select(sql: str) -> bool:
    """MySQL's atomic ``CREATE TABLE … SELECT``: rows follow its statement."""
    return sql.rstrip().upper().endswith("START TRANSACTION")
