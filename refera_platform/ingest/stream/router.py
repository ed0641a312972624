"""Router of one ingest run: sends every row batch of a change stream to the collector of its table.

TransactionReader ──▶ StreamRouter ──▶ ChangeCollector (one for each table)

Reads nothing and writes no object: ``stream.reader`` reads, ``stream.day_writer`` writes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from refera_platform.errors import LakeError, ReferaError
from refera_platform.ingest.stream.cascaded_rows import CascadeIndex, ParentCascades
from refera_platform.ingest.stream.change_collector import ChangeCollector
from refera_platform.ingest.stream.column_resolver import ColumnResolver
from refera_platform.lake.fault_isolation import isolated
from refera_platform.source.mysql.binlog.ddl import statement_effect
from refera_platform.source.mysql.binlog.position import Position
from refera_platform.source.mysql.binlog.row_decoder import RowDecoder
from refera_platform.source.mysql.binlog.stream_event import (
    RowsEvent,
    StatementEvent,
    StreamEvent,
    TransactionBegin,
    TransactionCommit,
    UnclearEvent,
)
from refera_platform.source.mysql.binlog.table_map import read_table_map
from refera_platform.source.mysql.binlog.transaction import Transaction

MAX_PENDING_BYTES = 24 << 20
"""Bytes of row events kept in memory at most, for all tables together; decoded they take about ten times that."""
MAX_PENDING_ROWS = 100_000


@dataclass(frozen=True, kw_only=True)
class Route:
    """Destination of the rows of one table map."""

    table: str = ""
    collector: ChangeCollector | None = None
    decoder: RowDecoder | None = None
    error: ReferaError | None = None
    """Why there is no decoder: raised when rows of one of the table's requested days arrive."""
    cascades: ParentCascades | None = None
    """Cascading foreign keys of the table, whose child rows the server changes without row events."""


class StreamRouter:
    """Routes the events of one schema's change stream."""

    def __init__(
        self,
        schema: str,
        collectors: Sequence[ChangeCollector],
        column_resolver: ColumnResolver,
        cascade_index: CascadeIndex,
        latest_second: int,
    ) -> None:
        """Start with no transaction.

        Args:
            schema: Name of the schema on the server.
            collectors: Collectors of its tables.
            column_resolver: Makes the decoder of a table map.
            cascade_index: Finds the tables whose rows change by a cascade, without row events.
            latest_second: Second since 1970 that no transaction can be later than: a session's clock may be wrong.
        """
        self._schema = schema
        self._collectors = {collector.table.name: collector for collector in collectors}
        self._column_resolver = column_resolver
        self._cascade_index = cascade_index
        self._latest_second = latest_second
        self._routes: dict[bytes, Route] = {}
        self._transaction: Transaction | None = None
        self._receiving_tables: set[str] = set()
        self._pending_bytes = 0

    @property
    def is_done(self) -> bool:
        """Whether every table has all its days, and no table counts rows after its last day."""
        return all(each.has_all_days and each.later_net_rows is None for each in self._collectors.values())

    def route(self, event: StreamEvent) -> None:
        """Send one event to the tables that it concerns."""
        match event:
            case RowsEvent():
                self._route_rows(event)
            case TransactionBegin():
                self._begin(event)
            case StatementEvent():
                self._route_statement(event)
            case UnclearEvent():  # the binlog does not hold what changed: every table must be read again
                for name in self._collectors:
                    self._mark_unsettled(name)
            case TransactionCommit():
                self._transaction = None

    def finish(self, end: Position, resume_position: Position, today: date) -> None:
        """Close the open days: the binlog was read up to ``end``, which was reached on ``today``."""
        for collector in self._collectors.values():
            collector.finish(end, resume_position, today)

    def _begin(self, event: TransactionBegin) -> None:
        transaction = event.transaction
        if self._transaction and transaction.position.order == self._transaction.position.order:
            return  # the same one again after a lost connection; the reader sends no event twice
        self._transaction = transaction
        self._receiving_tables = {
            name
            for name, collector in self._collectors.items()
            if collector.begin(transaction, event.resume_position, self._latest_second)
        }

    def _route_rows(self, event: RowsEvent) -> None:
        """Send rows to the collector of their table, and mark the tables that they cascade to."""
        route = self._routes.get(event.table_map[6:])
        if route is None:
            route = self._routes[event.table_map[6:]] = self._find_route(event.table_map)
        if route.cascades:
            for affected in route.cascades.affected_tables(event):
                self._mark_unsettled(affected)
        collector = route.collector
        if collector is None or self._transaction is None or collector.error:
            return
        try:
            with isolated(collector.table):
                self._add_rows(collector, route, event, self._transaction)
        except ReferaError as error:
            if route.table in self._receiving_tables:
                collector.fail(error)
            collector.stop_counting()
        if self._pending_bytes > MAX_PENDING_BYTES or collector.pending_row_count > MAX_PENDING_ROWS:
            self._spill()

    def _add_rows(self, collector: ChangeCollector, route: Route, event: RowsEvent, transaction: Transaction) -> None:
        """Add rows to a copied table."""
        if route.decoder is None:
            raise route.error or LakeError(f"The rows of {collector.table.address} cannot be read.")
        if route.table in self._receiving_tables or collector.counts_rows:
            collector.add_rows(route.decoder, event, transaction)
            self._pending_bytes += len(event.body)

    def _route_statement(self, event: StatementEvent) -> None:
        """Take the effect of a statement that the binlog holds instead of rows: DDL, or DML logged as a statement."""
        effect = statement_effect(event.schema, event.sql, self._schema, self._collectors)
        for name in effect.written | effect.emptied | effect.changed:
            collector = self._collectors[name]
            if collector.has_all_days:
                collector.stop_counting()
            if name not in self._receiving_tables or self._transaction is None:
                continue
            if name in effect.written:
                collector.fail(_statement_logged_error(collector, self._transaction))
            if name in effect.emptied:
                collector.truncate(self._transaction)
        for name in effect.doubtful | self._cascade_index.affected_by_statement(event.sql):
            self._mark_unsettled(name)
        for name in effect.changed:
            self._mark_unsettled(name)
            # else the change is older than the table's last read
            if name in self._receiving_tables or self._collectors[name].has_all_days:
                self._collectors[name].mark_schema_change()
            # the next table map may have the same bytes and mean other columns
            self._routes = {key: route for key, route in self._routes.items() if route.table != name}

    def _mark_unsettled(self, name: str) -> None:
        """Mark that rows of a table changed without row events."""
        collector = self._collectors.get(name)
        if collector and collector.has_all_days:
            collector.stop_counting()
        elif collector and name in self._receiving_tables:
            collector.mark_unsettled()

    def _find_route(self, table_map: bytes) -> Route:
        parsed_map = read_table_map(table_map)
        cascades = self._cascade_index.for_table_map(parsed_map)
        collector = self._collectors.get(parsed_map.table) if parsed_map.schema == self._schema else None
        if collector is None or collector.error:
            return Route(cascades=cascades)
        route = Route(table=parsed_map.table, collector=collector, cascades=cascades)
        try:
            with isolated(collector.table):
                decoder = self._column_resolver.decoder(
                    parsed_map,
                    collector.table,
                    collector.source_types,
                    has_schema_change=collector.has_schema_change,
                )
        except ReferaError as error:
            return replace(route, error=error)
        return replace(route, decoder=decoder)

    def _spill(self) -> None:
        self._pending_bytes = 0
        for collector in self._collectors.values():
            collector.spill()


def _statement_logged_error(collector: ChangeCollector, transaction: Transaction) -> LakeError:
    position = transaction.position
    return LakeError(
        f"Rows of {collector.table.address} were changed by a statement at {position.file}:{position.offset}, and the"
        " binlog holds the statement instead of the rows:",
        f"set global binlog_format = ROW, then `refera resnapshot {collector.table.address}`.",
    )
