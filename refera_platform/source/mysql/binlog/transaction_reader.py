"""The log as transactions: what was committed, in the order of the log, each with its place.

What was rolled back is never told. A prepared XA transaction is kept aside, on disk when it is large, until the log
says what became of it; whoever reads on later starts from the oldest that is still open (``resume``).

    dump ──▶ TransactionReader.run() ──▶ Consumer.begin / rows / statement / commit
"""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import pymysql

from refera_platform.errors import LakeError, SourceError
from refera_platform.source.mysql.binlog import events
from refera_platform.source.mysql.binlog.dump_connection import Placed, dump
from refera_platform.source.mysql.binlog.position import FIRST_OFFSET, Position
from refera_platform.source.mysql.binlog.read_errors import LOSSES, another_log, explained, is_loss, unknown
from refera_platform.source.mysql.binlog.transaction import Transaction, of_gtid
from refera_platform.source.mysql.binlog.xa_buffer import Aside
from refera_platform.source.mysql.server import Server
from refera_platform.source.mysql.wire import Wire, opened

XA_END = re.compile(r"XA (COMMIT|ROLLBACK) (X'[0-9a-f]*',X'[0-9a-f]*',\d+)", re.IGNORECASE)
XA_START = re.compile(r"XA START (X'[0-9a-f]*',X'[0-9a-f]*',\d+)", re.IGNORECASE)
ROLLBACK_TO = re.compile(r"ROLLBACK\s+(WORK\s+)?TO\b", re.IGNORECASE)
SAVEPOINTS = re.compile(r"(SAVEPOINT|RELEASE SAVEPOINT|XA END)\b", re.IGNORECASE)
UNREADABLE = "\N{REPLACEMENT CHARACTER}"
"""What a statement of another character set than UTF-8 may hold."""
PATIENCE = 3
"""Times that a connection may be lost without one transaction more."""


class Consumer(Protocol):
    """Whoever wants the transactions."""

    @property
    def is_done(self) -> bool:
        """Whether no later transaction can be wanted."""

    def begin(self, transaction: Transaction) -> bool:
        """Whether its rows and statements are wanted; asked again for the same one after a lost connection."""

    def rows(self, operation: str, version: int, table_map: bytes, body: bytes) -> None:
        """Rows of the transaction that was begun; both bodies as in the log, uncompressed."""

    def statement(self, schema: str, sql: str) -> None:
        """A statement of the transaction that was begun: DDL, or DML of the wrong log format."""

    def unclear(self) -> None:
        """Rows changed, or were rolled back, that the log does not tell: tables must be looked at."""

    def commit(self) -> None:
        """The transaction is complete."""


class TransactionReader:
    """Reads from a boundary to a later one; survives lost connections."""

    def __init__(self, connect: Callable[[], Wire], server: Server, start: Position, until: Position) -> None:
        self.boundary = start
        """Everything before it was told."""
        self._until = until
        self._connect = connect
        self._server = server
        self._prepared: dict[str, Aside] = {}
        self._maps: dict[bytes, bytes] = {}
        self._open: Transaction | None = None
        self._wanted = False
        self._alone: bool | None = None
        self._aside: Aside | None = None
        self._told = self._told_before = 0
        self._begun_at = start.order

    @property
    def resume(self) -> Position:
        """Where a later reader must start to know every transaction that is still prepared."""
        started = [aside.place for aside in self._prepared.values()]
        return min([*started, self.boundary], key=lambda place: place.order)

    def run(self, consumer: Consumer) -> None:
        """Tell ``consumer`` everything up to the end.

        Raises:
            SourceError: when the log cannot be read, also after trying again.
            LakeError: when the log is not the one the start was taken from, or has lost changes.
        """
        try:
            self._run(consumer)
        finally:
            for aside in self._prepared.values():
                aside.close()

    def _run(self, consumer: Consumer) -> None:
        lost = 0
        while self.boundary.order < self._until.order and not consumer.is_done:
            before = self.boundary
            try:
                with opened(self._connect()) as wire:
                    self._read(wire, consumer)
            except (pymysql.OperationalError, OSError) as trouble:
                lost = 0 if self.boundary.order > before.order else lost + 1
                if lost > PATIENCE or not is_loss(trouble):
                    raise explained(trouble, self.boundary) from None
        if not consumer.is_done:
            begun = self.boundary.begun if self.boundary.file == self._until.file else self._until.begun
            self.boundary = replace(self._until, begun=begun)

    def _read(self, wire: Wire, consumer: Consumer) -> None:
        self._told_before, self._told = max(self._told, self._told_before), 0
        self._open = self._aside = None
        for placed in dump(wire, self._server, self.boundary.file, self.boundary.offset):
            self._take(placed, consumer)
            if self.boundary.order >= self._until.order or consumer.is_done:
                return
        raise SourceError(
            f"The log ended at {self.boundary} before {self._until}, where the server said it was:",
            "run again; the server may have been restarted meanwhile.",
            passing=True,
        )

    def _take(self, placed: Placed, consumer: Consumer) -> None:
        event, kind = placed.event, placed.event.kind
        if kind in events.ROWS:
            self._rows(event, consumer)
        elif kind == events.TABLE_MAP:
            self._maps[event.body[:6]] = event.body
            if self._aside:
                self._aside.keep(event)
        elif kind == events.MARIADB_GTID or kind in events.MYSQL_GTIDS:
            self._begin(of_gtid(placed.file, placed.start, event, self.boundary.begun), consumer)
        elif kind in (events.QUERY, events.QUERY_COMPRESSED, events.LOAD_QUERY):
            self._query(placed, consumer)
        elif kind == events.XID:
            self._commit(placed, consumer)
        elif kind == events.XA_PREPARE:
            self._prepare(placed, consumer)
        elif kind == events.PAYLOAD:
            for inner in events.payload(event):
                self._take(Placed(inner, placed.file, placed.start, placed.end), consumer)
        elif kind == events.FORMAT:
            self._begin_file(placed, consumer)
        elif kind in LOSSES:
            raise LakeError(f"{LOSSES[kind][0]} at {placed.file}:{placed.start}:", LOSSES[kind][1])
        elif kind != events.ROTATE and kind not in events.WITHOUT_ROWS and not event.flags & events.IGNORABLE:
            raise unknown(placed)
        elif event.end and self._open is None:  # checkpoints and the like may be the last that the log has
            begun = 0 if kind == events.ROTATE else self.boundary.begun
            self.boundary = replace(self.boundary, file=placed.file, offset=placed.end, begun=begun)

    def _begin_file(self, placed: Placed, consumer: Consumer) -> None:
        known, begun = self.boundary, placed.event.stamp
        if placed.file == known.file:
            if known.begun and begun != known.begun:
                raise another_log(known)
            self.boundary = replace(known, begun=begun)
            return
        # the server was stopped, or died: what it had begun to write of a transaction was never committed
        if self._wanted and self._told:
            consumer.unclear()
        self._open = self._aside = None
        self._wanted = False
        self.boundary = replace(known, file=placed.file, offset=FIRST_OFFSET, begun=begun)

    def _begin(self, transaction: Transaction, consumer: Consumer) -> None:
        if transaction.place.order != self._begun_at:
            self._begun_at, self._told_before = transaction.place.order, 0
        self._told = 0
        self._open, self._alone = transaction, transaction.is_alone
        self._aside = Aside(transaction.place, transaction.prepares) if transaction.prepares else None
        self._wanted = self._aside is None and consumer.begin(transaction)

    def _query(self, placed: Placed, consumer: Consumer) -> None:
        schema, sql = events.query(placed.event)
        verb = sql[:9].upper().rstrip("; ")
        if self._open is None:  # a server without GTIDs
            place = Position(file=placed.file, offset=placed.start, begun=self.boundary.begun)
            self._begin(Transaction(place=place, stamp=placed.event.stamp), consumer)
        begun = self._open.place if self._open else self.boundary
        if self._alone is None:
            self._alone = verb != "BEGIN" and not XA_START.match(sql) and not _opens_rows(sql)
        if found := XA_START.match(sql):
            self._aside, self._wanted = Aside(begun, found[1].lower()), False
        elif found := XA_END.match(sql):
            self._complete(found[2].lower(), consumer, is_committed=found[1].upper() == "COMMIT")
            self._close(placed)
        elif verb.startswith("ROLLBACK"):
            self._doubt(consumer)
            if not ROLLBACK_TO.match(sql):
                self._commit(placed, consumer)
        elif verb == "COMMIT":
            self._commit(placed, consumer)
        elif verb != "BEGIN" and not SAVEPOINTS.match(sql):
            if self._aside or UNREADABLE in sql:
                self._doubt(consumer)
            if self._wanted:
                consumer.statement(schema, sql)
            if self._alone:
                self._commit(placed, consumer)

    def _doubt(self, consumer: Consumer) -> None:
        """The transaction does what its rows do not tell."""
        if self._aside:
            self._aside.is_unclear = True
        elif self._wanted:
            consumer.unclear()

    def _rows(self, event: events.Event, consumer: Consumer) -> None:
        if self._aside:
            self._aside.keep(event)
        elif self._wanted:
            self._told += 1
            if self._told > self._told_before:  # what was told before the connection was lost is not told again
                body = events.rows_body(event)
                consumer.rows(*events.ROWS[event.kind], _map_of(self._maps, body), body)

    def _prepare(self, placed: Placed, consumer: Consumer) -> None:
        aside = self._aside
        if aside is None:
            raise SourceError(
                f"The log prepares a transaction at {placed.file}:{placed.start} that it never began:", events.DAMAGED
            )
        self._prepared[aside.name] = aside
        if placed.event.body[0]:  # committed in one phase
            self._complete(aside.name, consumer, is_committed=True)
        self._close(placed)

    def _complete(self, name: str, consumer: Consumer, *, is_committed: bool) -> None:
        aside = self._prepared.pop(name, None)
        if is_committed and self._open and (self._wanted or consumer.begin(self._open)):
            # without: it was prepared before the first capture, which could not see it
            if aside is None or aside.is_unclear:
                consumer.unclear()
            maps: dict[bytes, bytes] = {}
            for kind, body in aside.told() if aside else ():
                if kind == events.TABLE_MAP:
                    maps[body[:6]] = body
                else:
                    consumer.rows(*events.ROWS[kind], _map_of(maps, body), body)
            consumer.commit()
        if aside:
            aside.close()

    def _commit(self, placed: Placed, consumer: Consumer) -> None:
        if self._wanted:
            consumer.commit()
        self._close(placed)

    def _close(self, placed: Placed) -> None:
        gtid = self._server.gtid_after(self.boundary.gtid, self._open.gtid if self._open else "")
        self._open = self._aside = None
        self._wanted = False
        self._told = self._told_before = 0
        self._maps.clear()
        self.boundary = Position(file=placed.file, offset=placed.end, begun=self.boundary.begun, gtid=gtid)


def _map_of(maps: dict[bytes, bytes], body: bytes) -> bytes:
    """The table map that rows belong to."""
    try:
        return maps[body[:6]]
    except KeyError:
        raise SourceError("The log has rows without their table map:", events.DAMAGED) from None


def _opens_rows(sql: str) -> bool:
    """MySQL's atomic ``CREATE TABLE … SELECT``: rows follow its statement."""
    return sql.rstrip().upper().endswith("START TRANSACTION")
