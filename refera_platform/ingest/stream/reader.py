"""Reading of the binlog for some tables of a database at once: one connection, each event to the table it belongs to.

TableLog of each table ──▶ BinlogReading.read(until) ──▶ their stretches, filled; a table that cannot go on has failed
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import partial

from refera_platform.errors import LakeError, ReferaError
from refera_platform.ingest.stream.cascaded_rows import Watches
from refera_platform.ingest.stream.column_resolver import Shapes
from refera_platform.ingest.stream.router import LogPass
from refera_platform.ingest.stream.table_changes import TableLog
from refera_platform.ingest.stream.table_task import start_of
from refera_platform.source.cascades import Cascades
from refera_platform.source.connection import Source
from refera_platform.source.mysql.binlog.position import Position
from refera_platform.source.mysql.binlog.transaction_reader import TransactionReader
from refera_platform.source.mysql.binlog.verified_position import require_same_log
from refera_platform.source.mysql.wire import open_wire


class BinlogReading:
    """Reads the log of one database during one pass."""

    def __init__(self, source: Source, shapes: Shapes, cascades: Cascades, now: datetime, today: date) -> None:
        self._source = source
        self._shapes = shapes
        self._cascades = cascades
        self._now, self._today = now, today

    def read(self, logs: Sequence[TableLog], until: Position) -> None:
        """Read the log once for all tables; one whose place is gone stops by itself.

        Raises:
            SourceError: when the log cannot be read, also after trying again.
            LakeError: when the log is not the one that was read before, or has lost changes.
        """
        troubles: dict[Position | None, LakeError | None] = {}
        for log in logs:
            place = start_of(log)
            if place not in troubles:
                troubles[place] = self.trouble(place)
            if trouble := troubles[place]:
                log.fail(trouble)
        logs = [log for log in logs if not log.failure]
        places = [place for place in map(start_of, logs) if place]
        if not places:
            return
        first = min(places, key=lambda place: place.order)
        database = self._source.database
        horizon = max(self._now, datetime.now(UTC)).timestamp()
        watches = Watches(self._cascades, self._shapes.keyed)
        consumer = LogPass(database.name, logs, watches, self._shapes.decoder, int(horizon))
        reader = TransactionReader(partial(open_wire, database), self._source.server, first, until)
        consumer.resume = lambda: reader.resume
        reader.run(consumer)
        if not consumer.is_done:
            consumer.finish(reader.boundary, reader.resume, self._today)

    def read_what_is_left(self, logs: Sequence[TableLog], until: Position) -> None:
        """The same for tables that are read anew in any case: what the log does not tell stops nobody.

        Raises:
            ReferaError: only for what may pass by itself.
        """
        if not logs:
            return
        try:
            self.read(logs, until)
        except ReferaError as trouble:
            if trouble.passing:
                raise
            for log in logs:
                log.fail(trouble)

    def trouble(self, place: Position | None) -> LakeError | None:
        """Why the log cannot be read on from a place; nothing when it can."""
        try:
            if place:
                require_same_log(self._source.server, place)
        except LakeError as trouble:
            return trouble
        return None
