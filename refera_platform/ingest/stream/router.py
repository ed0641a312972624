"""One pass over the log for all tables of a database: every event goes to the table it belongs to, or nowhere.

TransactionReader ──▶ LogPass ──▶ TableLog (one each)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from refera_platform.errors import LakeError, ReferaError
from refera_platform.ingest.stream.cascaded_rows import CascadeIndex, ParentCascades
from refera_platform.ingest.stream.table_changes import TableChanges
from refera_platform.lake.isolation import isolated
from refera_platform.source.mysql.binlog.ddl import statement_effect
from refera_platform.source.mysql.binlog.position import Position
from refera_platform.source.mysql.binlog.row_decoder import RowDecoder
from refera_platform.source.mysql.binlog.table_map import TableMap, read_table_map
from refera_platform.source.mysql.binlog.transaction import Transaction

MAX_PENDING_BYTES = 24 << 20
"""Bytes of log events kept in memory at most, for all tables together; decoded they take about ten times that."""
MAX_PENDING_ROWS = 100_000
DecoderFactory = Callable[[TableMap, TableChanges], RowDecoder]


@dataclass(frozen=True, kw_only=True)
class Route:
    """Where rows under one table map go."""

    table: str = ""
    changes: TableChanges | None = None
    decoder: RowDecoder | None = None
    error: ReferaError | None = None
    """Why there is no decoder: the table stops when rows of one of its days come."""
    cascades: ParentCascades | None = None
    """Told of the rows of a table whose children the server changes on its own."""


class StreamRouter:
    """A ``Consumer`` of the transactions of one schema."""

    def __init__(
        self,
        schema: str,
        table_changes: Sequence[TableChanges],
        cascade_index: CascadeIndex,
        decoder_factory: DecoderFactory,
        latest_second: int,
    ) -> None:
        """Begin.

        Args:
            schema: Name of the schema on the server.
            table_changes: Its tables with the days that each one wants.
            cascade_index: Says whether rows of a table take others with them of which the log does not tell.
            decoder_factory: Makes the decoder of a table map.
            latest_second: Second since 1970 that no transaction can be later than: a session's clock may be wrong.
        """
        self._schema = schema
        self._table_changes = {log.table.name: log for log in table_changes}
        self._cascade_index = cascade_index
        self._decoder_factory = decoder_factory
        self._latest_second = latest_second
        self._routes: dict[bytes, Route] = {}
        self._transaction: Transaction | None = None
        self._receiving_tables: set[str] = set()
        self._pending_bytes = 0
        self.resume_position: Callable[[], Position] | None = None
        """Asked where a later reader must start; the transaction reader's own answer."""

    @property
    def is_done(self) -> bool:
        """Whether every table has all its days, and what lies behind them need not be counted."""
        return all(log.current_day is None and log.net_rows is None for log in self._table_changes.values())

    def begin(self, transaction: Transaction) -> bool:
        """Whether rows of the transaction are wanted by any table."""
        if self._transaction and transaction.position.order == self._transaction.position.order:
            return True  # once more after a lost connection: what was told is not told again
        self._transaction = transaction
        resume_position = self.resume_position() if self.resume_position else transaction.position
        self._receiving_tables = {
            name
            for name, log in self._table_changes.items()
            if log.begin(transaction, resume_position, self._latest_second)
        }
        return not self.is_done

    def rows(self, operation: str, version: int, table_map: bytes, body: bytes) -> None:
        """Rows of one event."""
        route = self._routes.get(table_map[6:])
        if route is None:
            route = self._routes[table_map[6:]] = self._route(table_map)
        if route.cascades:
            for affected in route.cascades.affected_tables(operation, version, body):
                self._mark_unsettled(affected)
        changes = route.changes
        if changes is None or self._transaction is None or changes.error:
            return
        try:
            with isolated(changes.table):
                self._add_rows(changes, route, operation, version, body)
        except ReferaError as error:
            if route.table in self._receiving_tables:
                changes.fail(error)
            changes.stop_counting()
        if self._pending_bytes > MAX_PENDING_BYTES or changes.pending_row_count > MAX_PENDING_ROWS:
            self._spill()

    def _add_rows(self, changes: TableChanges, route: Route, operation: str, version: int, body: bytes) -> None:
        """Rows of a copied table."""
        if route.decoder is None:
            raise route.error or LakeError(f"The rows of {changes.table.address} cannot be read.")
        if (route.table in self._receiving_tables or changes.is_after_last_day) and self._transaction:
            changes.add_rows(route.decoder, operation, version, body, self._transaction)
            self._pending_bytes += len(body)

    def statement(self, schema: str, sql: str) -> None:
        """A statement instead of rows."""
        ddl_effect = statement_effect(schema, sql, self._schema, self._table_changes)
        for name in ddl_effect.written | ddl_effect.emptied | ddl_effect.changed:
            changes = self._table_changes[name]
            if changes.current_day is None:
                changes.stop_counting()
            if name not in self._receiving_tables or self._transaction is None:
                continue
            if name in ddl_effect.written:
                changes.fail(_statement_logged_error(changes, self._transaction))
            if name in ddl_effect.emptied:
                changes.truncate(self._transaction)
        for name in ddl_effect.doubtful | self._cascade_index.affected_by_statement(sql):
            self._mark_unsettled(name)
        for name in ddl_effect.changed:
            self._mark_unsettled(name)
            if (
                name in self._receiving_tables or self._table_changes[name].current_day is None
            ):  # else it was so when the table was read last
                self._table_changes[name].has_schema_change = True
            # the next table map may look the same and mean other columns
            self._routes = {key: route for key, route in self._routes.items() if route.table != name}

    def unclear(self) -> None:
        """The log does not tell what happened: every table is to be read anew."""
        for name in self._table_changes:
            self._mark_unsettled(name)

    def commit(self) -> None:
        """The transaction is complete."""
        self._transaction = None

    def finish(self, boundary: Position, resume_position: Position, today: date) -> None:
        """The log was read up to ``boundary``, its end at a moment of ``today``."""
        for changes in self._table_changes.values():
            while day_changes := changes.current_day:
                window = day_changes.window
                changes.close_day(
                    window.end or boundary, resume_position, is_closed=bool(window.end) or window.day < today
                )
            changes.spill()

    def _mark_unsettled(self, name: str) -> None:
        """Rows of a table changed, and the log does not tell how."""
        changes = self._table_changes.get(name)
        if changes and changes.current_day is None:
            changes.stop_counting()
        elif changes and changes.current_day and name in self._receiving_tables:
            changes.current_day.is_unsettled = True

    def _route(self, table_map: bytes) -> Route:
        parsed_map = read_table_map(table_map)
        cascades = self._cascade_index.for_table_map(parsed_map)
        changes = self._table_changes.get(parsed_map.table) if parsed_map.schema == self._schema else None
        if changes is None or changes.error:
            return Route(cascades=cascades)
        try:
            with isolated(changes.table):
                return Route(
                    table=parsed_map.table,
                    changes=changes,
                    decoder=self._decoder_factory(parsed_map, changes),
                    cascades=cascades,
                )
        except ReferaError as error:
            return Route(table=parsed_map.table, changes=changes, error=error, cascades=cascades)

    def _spill(self) -> None:
        self._pending_bytes = 0
        for changes in self._table_changes.values():
            changes.spill()


def _statement_logged_error(changes: TableChanges, transaction: Transaction) -> LakeError:
    position = transaction.position
    return LakeError(
        f"Rows of {changes.table.address} were changed by a statement at {position.file}:{position.offset}, and the"
        " log holds the"
        " statement instead of the rows:",
        f"set global binlog_format = ROW, then `refera resnapshot {changes.table.address}`.",
    )
