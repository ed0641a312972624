"""Binlog reader for some tables of one database: reads the binlog once, on one connection, for all of them.

TableChanges of each table ──▶ BinlogReader.read(until) ──▶ the same, filled; a table that cannot go on has an error

Decodes no event (``source.mysql.binlog`` does) and writes no object (``table_writer`` does).
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import partial

from refera_platform.errors import LakeError, ReferaError
from refera_platform.ingest.stream.cascaded_rows import CascadeIndex
from refera_platform.ingest.stream.column_resolver import ColumnResolver
from refera_platform.ingest.stream.router import StreamRouter
from refera_platform.ingest.stream.table_changes import TableChanges
from refera_platform.ingest.stream.table_task import stream_start
from refera_platform.source.cascades import Cascades
from refera_platform.source.connection import Source
from refera_platform.source.mysql.binlog.position import Position
from refera_platform.source.mysql.binlog.transaction_reader import TransactionReader
from refera_platform.source.mysql.binlog.verified_position import require_same_binlog
from refera_platform.source.mysql.wire import open_wire


class BinlogReader:
    """Reads the binlog of one database during one ingest run."""

    def __init__(
        self, source: Source, column_resolver: ColumnResolver, cascades: Cascades, now: datetime, today: date
    ) -> None:
        self._source = source
        self._column_resolver = column_resolver
        self._cascades = cascades
        self._now, self._today = now, today

    def read(self, table_changes: Sequence[TableChanges], until: Position) -> None:
        """Read the binlog once for all tables; a table whose start position is gone fails alone.

        Args:
            table_changes: Changes to fill.
            until: Position to read up to.

        Raises:
            SourceError: when the binlog cannot be read, also after retries.
            LakeError: when the binlog is not the one that was read before, or is not complete.
        """
        errors: dict[Position | None, LakeError | None] = {}
        for changes in table_changes:
            position = stream_start(changes)
            if position not in errors:
                errors[position] = self.position_error(position)
            if error := errors[position]:
                changes.fail(error)
        table_changes = [changes for changes in table_changes if not changes.error]
        positions = [position for position in map(stream_start, table_changes) if position]
        if not positions:
            return
        start = min(positions, key=lambda position: position.order)
        database = self._source.database
        latest_second = max(self._now, datetime.now(UTC)).timestamp()
        cascade_index = CascadeIndex(self._cascades, self._column_resolver.keyed_decoder)
        router = StreamRouter(
            database.name, table_changes, cascade_index, self._column_resolver.decoder, int(latest_second)
        )
        reader = TransactionReader(partial(open_wire, database), self._source.server, start, until)
        router.resume_position = lambda: reader.resume_position
        reader.read_transactions(router)
        if not router.is_done:
            router.finish(reader.position, reader.resume_position, self._today)

    def read_available(self, table_changes: Sequence[TableChanges], until: Position) -> None:
        """Do the same for tables that get a new snapshot anyway: an incomplete binlog fails none of them.

        Raises:
            ReferaError: only a transient one.
        """
        if not table_changes:
            return
        try:
            self.read(table_changes, until)
        except ReferaError as error:
            if error.is_transient:
                raise
            for changes in table_changes:
                changes.fail(error)

    def position_error(self, position: Position | None) -> LakeError | None:
        """Why the binlog cannot be read from a position; ``None`` when it can."""
        try:
            if position:
                require_same_binlog(self._source.server, position)
        except LakeError as error:
            return error
        return None
