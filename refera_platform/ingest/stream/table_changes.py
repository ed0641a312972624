"""Collector of one table's row changes in an ingest run: finds the day of each transaction and spills rows to disk.

rows of the binlog + DayWindows ──▶ TableChanges ──▶ DayChanges (a day's rows in local Parquet files, its end position)

Reads no binlog and writes no object: ``reader`` and ``table_writer`` do.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np

from refera_platform.duckdb_session.quoting import literal
from refera_platform.errors import ReferaError
from refera_platform.ingest.stream.day_windows import DayWindow
from refera_platform.lake.fault_isolation import isolated
from refera_platform.lake.lake import run_sql
from refera_platform.source import arrow
from refera_platform.source.mysql.binlog.position import Position
from refera_platform.source.mysql.binlog.row_codec import EncodedRow
from refera_platform.source.mysql.binlog.row_decoder import RowDecoder
from refera_platform.source.mysql.binlog.transaction import Transaction
from refera_platform.source.table import SourceTable

OPERATION_CODES = "cud"
NET_ROWS_BY_OPERATION = {"c": 1, "u": 0, "d": -1}
END_OF_TIME_SECONDS = 1 << 40
"""A second since 1970 that no timestamp reaches."""
READ_FROM_TABLE, READ_FROM_LOG = 0, 1
"""Last part but one of a ``_position``: the row was read from the table at a binlog position, or from the binlog."""
OTHER_BINLOG_OFFSET = 500_000
"""Added to a snapshot's number when earlier rows of its day are of another binlog: their positions do not compare."""


def position_prefix(day: date, snapshot_number: int) -> str:
    """The first parts of a row's ``_position``: the day, and the number of the day's last snapshot."""
    return f"{day:%Y%m%d}-{snapshot_number:06d}-"


def position_suffix(position: Position, kind: int) -> str:
    """The parts of a row's ``_position`` that hold the binlog position."""
    return f"{position.file_number:010d}-{position.offset:012d}-{kind}-"


@dataclass(kw_only=True)
class Truncation:
    """A statement that removed all rows at once, without row events."""

    transaction: Transaction
    stamp: int
    """Second since 1970 for ``_changed_at`` of its rows."""


@dataclass(kw_only=True)
class DayChanges:
    """The row changes of one day, as the binlog holds them."""

    window: DayWindow
    start: Position | None = None
    end: Position | None = None
    resume_position: Position | None = None
    is_closed: bool = False
    files: list[Path] = field(default_factory=list)
    """Local Parquet files with the raw contract's columns, in order."""
    schema_versions: list[dict[str, str]] = field(default_factory=list)
    """Parquet types by column, one for each schema that the table had, oldest first."""
    row_counts: dict[str, int] = field(default_factory=dict)
    quirks: dict[str, int] = field(default_factory=dict)
    truncations: list[Truncation] = field(default_factory=list)
    is_unsettled: bool = False


class TableChanges:
    """Collects the row changes of one table, day by day."""

    def __init__(
        self,
        table: SourceTable,
        windows: Sequence[DayWindow],
        snapshot_numbers: Sequence[int],
        connection: duckdb.DuckDBPyConnection,
        folder: Path,
    ) -> None:
        self.table = table
        self.days = [DayChanges(window=window, start=window.start) for window in windows]
        self.error: ReferaError | None = None
        self.net_rows: int | None = 0
        """Inserted less deleted rows after the last window; ``None`` when the binlog does not hold all of them."""
        next_day = windows[-1].day + timedelta(days=1)
        self.after_last_day = DayChanges(window=DayWindow(day=next_day, midnight_seconds=END_OF_TIME_SECONDS))
        """Changes after the last window, while ``net_rows`` is known: not written, only replayed to reconcile."""
        self.source_types: dict[str, str] = {}
        """Type and character set of each column when the table was last read."""
        self.has_schema_change = False
        """Whether DDL changed its columns during the run."""
        self._snapshot_numbers = snapshot_numbers
        self._day_index = 0
        self._connection = connection
        self._folder = folder
        self._decoder: RowDecoder | None = None
        self._rows: list[EncodedRow] = []
        self._row_runs: list[tuple[int, int, int, int, int, int]] = []
        self._row_ordinal = 0

    @property
    def current_day(self) -> DayChanges | None:
        """The day that the read is in or before; ``None`` after the last one."""
        return self.days[self._day_index] if self._day_index < len(self.days) and self.error is None else None

    @property
    def is_after_last_day(self) -> bool:
        """Whether the read is after the last window, and its rows are still counted."""
        return self.current_day is None and self.net_rows is not None and self.error is None

    def fail(self, error: ReferaError) -> None:
        """Stop this table with an error; other tables go on."""
        self.error = self.error or error
        self._rows.clear()
        self._row_runs.clear()

    def begin(self, transaction: Transaction, resume_position: Position, latest_second: int) -> bool:
        """Move on to the day that the transaction belongs to.

        Args:
            transaction: The transaction that begins.
            resume_position: Position at which a later read must start.
            latest_second: Second since 1970 that no transaction can be later than: a session's clock may be wrong.

        Returns:
            Whether the transaction lies in one of the windows.
        """
        self._row_ordinal = 0
        position = transaction.position
        while day_changes := self.current_day:
            window = day_changes.window
            day_changes.start = day_changes.start or position
            if position.order < day_changes.start.order:
                return False
            is_over = (
                position.order >= window.end.order
                if window.end
                else min(transaction.timestamp_seconds, latest_second) >= window.midnight_seconds
            )
            if not is_over:
                return True
            self.close_day(window.end or position, resume_position, is_closed=True)
        return False

    def stop_counting(self) -> None:
        """Stop counting the rows after the last window: the binlog does not hold all of them."""
        if self.is_after_last_day:
            self._rows.clear()
            self._row_runs.clear()
            self.after_last_day.files.clear()
        self.net_rows = None

    def close_day(self, end: Position, resume_position: Position, *, is_closed: bool) -> None:
        """End the current day at a position."""
        if day_changes := self.current_day:
            self.spill()
            day_changes.start = day_changes.start or end
            day_changes.end, day_changes.is_closed = end, is_closed
            day_changes.resume_position = min(resume_position, end, key=lambda position: position.order)
            self._day_index += 1

    def add_rows(
        self, decoder: RowDecoder, operation: str, version: int, body: bytes, transaction: Transaction
    ) -> None:
        """Add the rows of one event."""
        if decoder is not self._decoder:
            self.spill()
            self._decoder = decoder
        is_after_last_day, position = self.is_after_last_day, transaction.position
        day_changes = self.after_last_day if is_after_last_day else self.current_day
        if day_changes is None:
            return
        stamp = _row_second(transaction, day_changes.window)
        for count, op in decoder.split_rows(operation, version, body, self._rows):
            code = OPERATION_CODES.index(op)
            self._row_runs.append((count, code, stamp, position.file_number, position.offset, self._row_ordinal))
            self._row_ordinal += count
            if is_after_last_day and self.net_rows is not None:
                self.net_rows += count * NET_ROWS_BY_OPERATION[op]

    @property
    def pending_row_count(self) -> int:
        """Count of the rows in memory."""
        return len(self._rows)

    def truncate(self, transaction: Transaction) -> None:
        """Record that a statement removed all rows."""
        if day_changes := self.current_day:
            self.spill()
            day_changes.truncations.append(
                Truncation(transaction=transaction, stamp=_row_second(transaction, day_changes.window))
            )

    def spill(self) -> None:
        """Write the rows in memory to a local file; an error stops this table and no other."""
        is_after_last_day = self.is_after_last_day
        try:
            with isolated(self.table):
                self._spill()
        except ReferaError as error:
            if is_after_last_day:  # these rows are only counted, so the table goes on
                self.stop_counting()
            else:
                self.fail(error)

    def _spill(self) -> None:
        day_changes, decoder = self.after_last_day if self.is_after_last_day else self.current_day, self._decoder
        if not self._rows or day_changes is None or decoder is None:
            return
        columns, quirks = decoder.to_arrow(self._rows)
        decoder.require_keys(self._rows, quirks)
        runs = np.array(self._row_runs, dtype=np.int64)
        counts = runs[:, 0]
        run_of_row = np.repeat(runs[:, 1:], counts, axis=0)
        firsts = np.repeat(np.cumsum(counts) - counts, counts)
        ordinals = run_of_row[:, 4] + np.arange(len(self._rows)) - firsts
        path = self._folder / f"{self.table.database}-{id(self)}-{self._day_index}-{len(day_changes.files)}.parquet"
        # no name of a MySQL column ends in a blank
        event_columns = zip(("op ", "stamp ", "file ", "offset "), run_of_row.T, strict=False)
        metadata_columns = {name: arrow.number_array(values) for name, values in (*event_columns, ("row ", ordinals))}
        batch = arrow.ArrowBatch({**columns, **metadata_columns}, len(self._rows))
        snapshot_number = 0 if day_changes is self.after_last_day else self._snapshot_numbers[self._day_index]
        prefix = position_prefix(day_changes.window.day, snapshot_number)
        self._connection.register("logged_rows", batch)
        run_sql(
            self._connection,
            f"copy (select {', '.join(decoder.cast_expressions())},"
            f' {literal(OPERATION_CODES)}[cast("op " as integer) + 1] as _op,'
            f' to_timestamp("stamp ") as _changed_at,'
            f" {literal(prefix)} || lpad(cast(\"file \" as varchar), 10, '0') || '-'"
            f" || lpad(cast(\"offset \" as varchar), 12, '0') || '-{READ_FROM_LOG}-'"
            f" || lpad(cast(\"row \" as varchar), 10, '0') as _position from logged_rows)"
            f" to {literal(str(path))} (format parquet, compression lz4)",
        )
        self._connection.unregister("logged_rows")
        day_changes.files.append(path)
        column_types = {column.name: column.parquet_type for column in decoder.columns}
        if not day_changes.schema_versions or day_changes.schema_versions[-1] != column_types:
            day_changes.schema_versions.append(column_types)
        for code, op in enumerate(OPERATION_CODES):
            if count := int(counts[runs[:, 1] == code].sum()):
                day_changes.row_counts[op] = day_changes.row_counts.get(op, 0) + count
        for name, count in quirks.items():
            day_changes.quirks[name] = day_changes.quirks.get(name, 0) + count
        self._rows.clear()
        self._row_runs.clear()


def _row_second(transaction: Transaction, window: DayWindow) -> int:
    """Second since 1970 for ``_changed_at``: a server clock that is ahead moves no row out of its day."""
    return min(transaction.timestamp_seconds, window.midnight_seconds - 1)
