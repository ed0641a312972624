"""One table during a pass over the log: which of its days the log is at, and its rows, spilled as they come.

TableMap + rows of the log ──▶ TableLog ──▶ Stretch (a day's rows in local Parquet files, and where it ended)
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
from refera_platform.lake.isolation import isolated
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
"""A second since 1970 that no stamp reaches."""
READ_FROM_TABLE, READ_FROM_LOG = 0, 1
"""What a position's last part but one says: read from the table at a boundary of the log, or logged behind it."""
OTHER_BINLOG_OFFSET = 500_000
"""Added to a snapshot's number when earlier rows of its day are of another binlog: positions do not order the two."""


def position_prefix(day: date, snapshot_number: int) -> str:
    """The first parts of a row's position: the day, and how many times the table was read anew on it."""
    return f"{day:%Y%m%d}-{snapshot_number:06d}-"


def position_suffix(position: Position, kind: int) -> str:
    """The parts of a row's position that say where in the log."""
    return f"{position.file_number:010d}-{position.offset:012d}-{kind}-"


@dataclass(kw_only=True)
class Truncation:
    """A statement that took all rows at once: the log names none of them."""

    transaction: Transaction
    stamp: int
    """Second since 1970 that its rows are dated with."""


@dataclass(kw_only=True)
class DayChanges:
    """The rows of one day, as the log tells them."""

    window: DayWindow
    start: Position | None = None
    end: Position | None = None
    resume_position: Position | None = None
    is_closed: bool = False
    files: list[Path] = field(default_factory=list)
    """Local Parquet files with the raw contract's columns, in order."""
    schema_versions: list[dict[str, str]] = field(default_factory=list)
    """Parquet types by column, one for each shape that the table had, oldest first."""
    row_counts: dict[str, int] = field(default_factory=dict)
    quirks: dict[str, int] = field(default_factory=dict)
    truncations: list[Truncation] = field(default_factory=list)
    is_unsettled: bool = False


class TableChanges:
    """Collects the rows of one table, day by day."""

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
        """Rows that came less rows that went behind the last stretch; ``None`` when the log does not say."""
        next_day = windows[-1].day + timedelta(days=1)
        self.after_last_day = DayChanges(window=DayWindow(day=next_day, midnight_seconds=END_OF_TIME_SECONDS))
        """Rows behind the last stretch, as long as ``net`` is known: not kept, only replayed by whoever compares."""
        self.source_types: dict[str, str] = {}
        """Type and character set of each column when the lake last saw the table."""
        self.has_schema_change = False
        """Whether DDL changed its columns during the pass."""
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
        """The stretch that the log is in or before; ``None`` behind the last one."""
        return self.days[self._day_index] if self._day_index < len(self.days) and self.error is None else None

    @property
    def is_after_last_day(self) -> bool:
        """Whether the log is behind the last stretch, and its rows are still looked at."""
        return self.current_day is None and self.net_rows is not None and self.error is None

    def fail(self, error: ReferaError) -> None:
        """This table stops here; others go on."""
        self.error = self.error or error
        self._rows.clear()
        self._row_runs.clear()

    def begin(self, transaction: Transaction, resume_position: Position, latest_second: int) -> bool:
        """Move on to the day that the transaction belongs to; whether that day's rows are wanted here.

        Args:
            transaction: The one that begins.
            resume_position: Where a later reader must start.
            latest_second: Second since 1970 that no transaction can be later than: a session's clock may be wrong.
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
        """What is behind the last stretch is not to be known: the log does not tell all of it."""
        if self.is_after_last_day:
            self._rows.clear()
            self._row_runs.clear()
            self.after_last_day.files.clear()
        self.net_rows = None

    def close_day(self, end: Position, resume_position: Position, *, is_closed: bool) -> None:
        """The current stretch ends here."""
        if day_changes := self.current_day:
            self.spill()
            day_changes.start = day_changes.start or end
            day_changes.end, day_changes.is_closed = end, is_closed
            day_changes.resume_position = min(resume_position, end, key=lambda place: place.order)
            self._day_index += 1

    def add_rows(
        self, decoder: RowDecoder, operation: str, version: int, body: bytes, transaction: Transaction
    ) -> None:
        """Take the rows of one event."""
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
        """Rows in memory."""
        return len(self._rows)

    def truncate(self, transaction: Transaction) -> None:
        """All rows are gone at once."""
        if day_changes := self.current_day:
            self.spill()
            day_changes.truncations.append(
                Truncation(transaction=transaction, stamp=_row_second(transaction, day_changes.window))
            )

    def spill(self) -> None:
        """Write what came so far to a local file; rows that cannot be written stop this table and no other."""
        is_after_last_day = self.is_after_last_day
        try:
            with isolated(self.table):
                self._spill()
        except ReferaError as error:
            if is_after_last_day:  # rows that nobody keeps stop nothing
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
    """The second that rows are dated with: a clock that is ahead takes no row out of its day."""
    return min(transaction.timestamp_seconds, window.midnight_seconds - 1)
