"""Change stream of MySQL and MariaDB: says for each event of the binlog which tables it concerns, and how.

TransactionReader ──▶ read_change_stream() ──▶ RowBatch, TableTruncated, SchemaChanged, TableUnsettled …

Finds the table of each table map, what a statement does to the tables, and the tables that foreign keys cascade to.
Knows no days: ``ingest.stream`` does.
"""

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial

from refera_platform.errors import LakeError, ReferaError
from refera_platform.source.cascades import Cascades
from refera_platform.source.change_stream import (
    ChangeEvent,
    RowBatch,
    SchemaChanged,
    StreamEnd,
    StreamTable,
    TableTruncated,
    TableUnreadable,
    TableUnsettled,
    TransactionBegin,
)
from refera_platform.source.connection import Source
from refera_platform.source.fault_isolation import isolated
from refera_platform.source.mysql.binlog.ddl import statement_effect
from refera_platform.source.mysql.binlog.row_decoder import RowDecoder
from refera_platform.source.mysql.binlog.stream_event import RowsEvent, StatementEvent, UnclearEvent
from refera_platform.source.mysql.binlog.table_map import read_table_map
from refera_platform.source.mysql.binlog.transaction_reader import TransactionReader
from refera_platform.source.mysql.cascaded_rows import CascadeIndex, ParentCascades
from refera_platform.source.mysql.column_resolver import ColumnResolver
from refera_platform.source.mysql.wire import open_wire
from refera_platform.source.position import Position


@dataclass(frozen=True, kw_only=True)
class Route:
    """Destination of the rows of one table map."""

    table: str = ""
    """Name of the table; empty for one that is not copied."""
    decoder: RowDecoder | None = None
    error: ReferaError | None = None
    """Why there is no decoder."""
    cascades: ParentCascades | None = None
    """Cascading foreign keys of the table, whose child rows the server changes without row events."""


def read_change_stream(
    source: Source, resolver: ColumnResolver, cascades: Cascades, tables: Sequence[StreamTable], until: Position
) -> Generator[ChangeEvent, None, None]:
    """Yield the changes of some tables from the first of their start positions up to ``until``.

    Args:
        source: An open session of their database.
        resolver: Makes the decoders of rows.
        cascades: Foreign keys by which rows of the tables change with others.
        tables: The tables; at least one has a start position.
        until: Position to read up to.

    Raises:
        SourceError: when the binlog cannot be read, also after retries.
        LakeError: when the binlog is not the one of the start position, or is not complete.
    """
    start = min((table.start for table in tables if table.start), key=lambda position: position.order)
    reader = TransactionReader(partial(open_wire, source.database), source.server, start, until)
    interpreter = BinlogInterpreter(source.database.name, tables, resolver, CascadeIndex(cascades, resolver))
    with closing(reader.read_events()) as events:
        for event in events:
            match event:
                case RowsEvent():
                    yield from interpreter.interpret_rows(event)
                case StatementEvent():
                    yield from interpreter.interpret_statement(event)
                case UnclearEvent():
                    yield from (TableUnsettled(table.table.name) for table in tables)
                case TransactionBegin():
                    interpreter.begin(event)
                    yield event
                case _:
                    yield event
    yield StreamEnd(reader.position, reader.resume_position)


class BinlogInterpreter:
    """Says what rows and statements of the binlog mean for the copied tables of one schema."""

    def __init__(
        self, schema: str, tables: Sequence[StreamTable], resolver: ColumnResolver, cascade_index: CascadeIndex
    ) -> None:
        self._schema = schema
        self._tables = {each.table.name: each for each in tables}
        self._resolver = resolver
        self._cascade_index = cascade_index
        self._routes: dict[bytes, Route] = {}
        self._position: Position | None = None

    def begin(self, event: TransactionBegin) -> None:
        """Note where the current transaction is."""
        self._position = event.transaction.position

    def interpret_rows(self, event: RowsEvent) -> Iterator[ChangeEvent]:
        """The rows of a copied table, and the tables that they cascade to."""
        route = self._routes.get(event.table_map[6:])
        if route is None:
            route = self._routes[event.table_map[6:]] = self._find_route(event.table_map)
        if route.cascades:
            for child in route.cascades.affected_tables(event):
                yield TableUnsettled(child)
        if route.error:
            yield TableUnreadable(route.table, route.error)
        elif route.decoder:
            yield RowBatch(route.table, route.decoder, event, len(event.body))

    def interpret_statement(self, event: StatementEvent) -> Iterator[ChangeEvent]:
        """What a statement does to the copied tables: DDL, or DML that was logged as a statement."""
        effect = statement_effect(event.schema, event.sql, self._schema, self._tables)
        for name in effect.written:
            yield TableUnreadable(name, self._statement_logged_error(name))
        for name in effect.emptied:
            yield TableTruncated(name)
        for name in effect.doubtful | self._cascade_index.affected_by_statement(event.sql):
            yield TableUnsettled(name)
        for name in effect.changed:
            self._note_schema_change(name)
            yield SchemaChanged(name)

    def _note_schema_change(self, name: str) -> None:
        table = self._tables[name]
        is_needed = table.start is None or self._position is None or self._position.order >= table.start.order
        if is_needed:  # else the change is older than the table's last read
            self._tables[name] = replace(table, has_schema_change=True)
        # the next table map may have the same bytes and mean other columns
        self._routes = {key: route for key, route in self._routes.items() if route.table != name}

    def _find_route(self, table_map: bytes) -> Route:
        parsed_map = read_table_map(table_map)
        cascades = self._cascade_index.for_table_map(parsed_map)
        table = self._tables.get(parsed_map.table) if parsed_map.schema == self._schema else None
        if table is None:
            return Route(cascades=cascades)
        route = Route(table=parsed_map.table, cascades=cascades)
        try:
            with isolated(table.table):
                return replace(route, decoder=self._resolver.decoder(parsed_map, table))
        except ReferaError as error:
            return replace(route, error=error)

    def _statement_logged_error(self, name: str) -> LakeError:
        address, position = self._tables[name].table.address, self._position
        return LakeError(
            f"Rows of {address} were changed by a statement at {position.file}:{position.offset}, and the binlog holds"
            " the statement instead of the rows:"
            if position
            else f"Rows of {address} were changed by a statement, and the binlog holds the statement:",
            f"set global binlog_format = ROW, then `refera resnapshot {address}`.",
        )
