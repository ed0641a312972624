"""Router of one ingest run: sends every row batch of a change stream to the changes of its table.

TransactionReader ──▶ StreamRouter ──▶ TableChanges (one for each table)

Reads nothing and writes no object: ``stream.reader`` reads, ``stream.table_writer`` writes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from refera_platform.errors import LakeError, ReferaError
from refera_platform.ingest.stream.cascaded_rows import CascadeIndex, ParentCascades
from refera_platform.ingest.stream.table_changes import TableChanges
from refera_platform.lake.fault_isolation import isolated
from refera_platform.source.mysql.binlog.ddl import statement_effect
from refera_platform.source.mysql.binlog.position import Position
from refera_platform.source.mysql.binlog.row_decoder import RowDecoder
from refera_platform.source.mysql.binlog.table_map import TableMap, read_table_map
from refera_platform.source.mysql.binlog.transaction import Transaction

MAX_PENDING_BYTES = 24 << 20
"""Bytes of row events kept in memory at most, for all tables together; decoded they take about ten times that."""
MAX_PENDING_ROWS = 100_000
DecoderFactory = Callable[[TableMap, TableChanges], RowDecoder]


@dataclass(frozen=True, kw_only=True)
class Route:
    """Destination of the rows of one table map."""

    table: str = ""
    changes: TableChanges | None = None
    decoder: RowDecoder | None = None
    error: ReferaError | None = None
    """Why there is no decoder: raised when rows of one of the table's requested days arrive."""
    cascades: ParentCascades | None = None
    """Cascading foreign keys of the table, whose child rows the server changes without row events."""


class StreamRouter:
    """Routes the transactions of one schema; the ``TransactionConsumer`` of a ``TransactionReader``."""

    def __init__(
        self,
        schema: str,
        table_changes: Sequence[TableChanges],
        cascade_index: CascadeIndex,
        decoder_factory: DecoderFactory,
        latest_second: int,
    ) -> None:
        """Start with no transaction.

        Args:
            schema: Name of the schema on the server.
            table_changes: Changes of its tables, with the days to fill.
            cascade_index: Finds the tables whose rows change by a cascade, without row events.
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
        """Gives the position at which a later read must start; set to that of the transaction reader."""

    @property
    def is_done(self) -> bool:
        """Whether every table has all its days, and no table counts rows after its last day."""
        return all(log.current_day is None and log.net_rows is None for log in self._table_changes.values())

    def begin(self, transaction: Transaction) -> bool:
        """Begin a transaction.

        Returns:
            Whether its rows are to be sent: false when every table is done.
        """
        if self._transaction and transaction.position.order == self._transaction.position.order:
            return True  # the same one again after a lost connection; the reader sends no event twice
        self._transaction = transaction
        resume_position = self.resume_position() if self.resume_position else transaction.position
        self._receiving_tables = {
            name
            for name, log in self._table_changes.items()
            if log.begin(transaction, resume_position, self._latest_second)
        }
        return not self.is_done

    def rows(self, operation: str, version: int, table_map: bytes, body: bytes) -> None:
        """Send the rows of one event to the changes of their table."""
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
        """Add rows to a copied table."""
        if route.decoder is None:
            raise route.error or LakeError(f"The rows of {changes.table.address} cannot be read.")
        if (route.table in self._receiving_tables or changes.is_after_last_day) and self._transaction:
            changes.add_rows(route.decoder, operation, version, body, self._transaction)
            self._pending_bytes += len(body)

    def statement(self, schema: str, sql: str) -> None:
        """Take the effect of a statement that the binlog holds instead of rows: DDL, or DML logged as a statement."""
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
            ):  # else the change is older than the table's last read
                self._table_changes[name].has_schema_change = True
            # the next table map may have the same bytes and mean other columns
            self._routes = {key: route for key, route in self._routes.items() if route.table != name}

    def unclear(self) -> None:
        """The binlog does not hold what changed: mark every table to be read again."""
        for name in self._table_changes:
            self._mark_unsettled(name)

    def commit(self) -> None:
        """End the transaction."""
        self._transaction = None

    def finish(self, boundary: Position, resume_position: Position, today: date) -> None:
        """Close the open days: the binlog was read up to ``boundary``, which was reached on ``today``."""
        for changes in self._table_changes.values():
            while day_changes := changes.current_day:
                window = day_changes.window
                changes.close_day(
                    window.end or boundary, resume_position, is_closed=bool(window.end) or window.day < today
                )
            changes.spill()

    def _mark_unsettled(self, name: str) -> None:
        """Mark that rows of a table changed without row events."""
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
        " binlog holds the statement instead of the rows:",
        f"set global binlog_format = ROW, then `refera resnapshot {changes.table.address}`.",
    )
