"""One pass over the log for all tables of a database: every event goes to the table it belongs to, or nowhere.

TransactionReader ──▶ LogPass ──▶ TableLog (one each)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from refera_platform.errors import LakeError, ReferaError
from refera_platform.ingest.stream.cascaded_rows import Watch, Watches
from refera_platform.ingest.stream.table_changes import TableLog
from refera_platform.lake.isolation import isolated
from refera_platform.source.mysql.binlog.ddl import effect
from refera_platform.source.mysql.binlog.position import Position
from refera_platform.source.mysql.binlog.row_decoder import RowDecoder
from refera_platform.source.mysql.binlog.table_map import TableMap, read_table_map
from refera_platform.source.mysql.binlog.transaction import Transaction

SPILL_BYTES = 24 << 20
"""Bytes of log events kept in memory at most, for all tables together; decoded they take about ten times that."""
SPILL_ROWS = 100_000
Decoders = Callable[[TableMap, TableLog], RowDecoder]


@dataclass(frozen=True, kw_only=True)
class Route:
    """Where rows under one table map go."""

    table: str = ""
    log: TableLog | None = None
    decoder: RowDecoder | None = None
    trouble: ReferaError | None = None
    """Why there is no decoder: the table stops when rows of one of its days come."""
    watch: Watch | None = None
    """Told of the rows of a table whose children the server changes on its own."""


class LogPass:
    """A ``Consumer`` of the transactions of one schema."""

    def __init__(
        self,
        schema: str,
        logs: Sequence[TableLog],
        watches: Watches,
        decoder: Decoders,
        horizon: int,
    ) -> None:
        """Begin.

        Args:
            schema: Name of the schema on the server.
            logs: Its tables with the days that each one wants.
            watches: Says whether rows of a table take others with them of which the log does not tell.
            decoder: Makes the decoder of a table map.
            horizon: Second since 1970 that no transaction can be later than: a session's clock may be wrong.
        """
        self._schema = schema
        self._logs = {log.table.name: log for log in logs}
        self._watches = watches
        self._decoder = decoder
        self._horizon = horizon
        self._routes: dict[bytes, Route] = {}
        self._transaction: Transaction | None = None
        self._wanted: set[str] = set()
        self._pending = 0
        self.resume: Callable[[], Position] | None = None
        """Asked where a later reader must start; the transaction reader's own answer."""

    @property
    def is_done(self) -> bool:
        """Whether every table has all its days, and what lies behind them need not be counted."""
        return all(log.current is None and log.net is None for log in self._logs.values())

    def begin(self, transaction: Transaction) -> bool:
        """Whether rows of the transaction are wanted by any table."""
        if self._transaction and transaction.place.order == self._transaction.place.order:
            return True  # once more after a lost connection: what was told is not told again
        self._transaction = transaction
        resume = self.resume() if self.resume else transaction.place
        self._wanted = {name for name, log in self._logs.items() if log.begin(transaction, resume, self._horizon)}
        return not self.is_done

    def rows(self, operation: str, version: int, table_map: bytes, body: bytes) -> None:
        """Rows of one event."""
        route = self._routes.get(table_map[6:])
        if route is None:
            route = self._routes[table_map[6:]] = self._route(table_map)
        if route.watch:
            for child in route.watch.children(operation, version, body):
                self._unsettle(child)
        log = route.log
        if log is None or self._transaction is None or log.failure:
            return
        try:
            with isolated(log.table):
                self._told(log, route, operation, version, body)
        except ReferaError as trouble:
            if route.table in self._wanted:
                log.fail(trouble)
            log.look_away()
        if self._pending > SPILL_BYTES or log.pending > SPILL_ROWS:
            self._spill()

    def _told(self, log: TableLog, route: Route, operation: str, version: int, body: bytes) -> None:
        """Rows of a copied table."""
        if route.decoder is None:
            raise route.trouble or LakeError(f"The rows of {log.table.address} cannot be read.")
        if (route.table in self._wanted or log.is_behind) and self._transaction:
            log.rows(route.decoder, operation, version, body, self._transaction)
            self._pending += len(body)

    def statement(self, schema: str, sql: str) -> None:
        """A statement instead of rows."""
        found = effect(schema, sql, self._schema, self._logs)
        for name in found.written | found.emptied | found.changed:
            log = self._logs[name]
            if log.current is None:
                log.look_away()
            if name not in self._wanted or self._transaction is None:
                continue
            if name in found.written:
                log.fail(_not_rows(log, self._transaction))
            if name in found.emptied:
                log.empty(self._transaction)
        for name in found.doubtful | self._watches.of_statement(sql):
            self._unsettle(name)
        for name in found.changed:
            self._unsettle(name)
            if name in self._wanted or self._logs[name].current is None:  # else it was so when the table was read last
                self._logs[name].has_new_shape = True
            # the next table map may look the same and mean other columns
            self._routes = {key: route for key, route in self._routes.items() if route.table != name}

    def unclear(self) -> None:
        """The log does not tell what happened: every table is to be read anew."""
        for name in self._logs:
            self._unsettle(name)

    def commit(self) -> None:
        """The transaction is complete."""
        self._transaction = None

    def finish(self, boundary: Position, resume: Position, today: date) -> None:
        """The log was read up to ``boundary``, its end at a moment of ``today``."""
        for log in self._logs.values():
            while stretch := log.current:
                window = stretch.window
                log.close(window.end or boundary, resume, is_closed=bool(window.end) or window.day < today)
            log.spill()

    def _unsettle(self, name: str) -> None:
        """Rows of a table changed, and the log does not tell how."""
        log = self._logs.get(name)
        if log and log.current is None:
            log.look_away()
        elif log and log.current and name in self._wanted:
            log.current.is_unsettled = True

    def _route(self, table_map: bytes) -> Route:
        found = read_table_map(table_map)
        watch = self._watches.of(found)
        log = self._logs.get(found.table) if found.schema == self._schema else None
        if log is None or log.failure:
            return Route(watch=watch)
        try:
            with isolated(log.table):
                return Route(table=found.table, log=log, decoder=self._decoder(found, log), watch=watch)
        except ReferaError as trouble:
            return Route(table=found.table, log=log, trouble=trouble, watch=watch)

    def _spill(self) -> None:
        self._pending = 0
        for log in self._logs.values():
            log.spill()


def _not_rows(log: TableLog, transaction: Transaction) -> LakeError:
    place = transaction.place
    return LakeError(
        f"Rows of {log.table.address} were changed by a statement at {place.file}:{place.offset}, and the log holds the"
        " statement instead of the rows:",
        f"set global binlog_format = ROW, then `refera resnapshot {log.table.address}`.",
    )
