"""Collector of one table's row changes in an ingest run: finds the day of each transaction and spills rows to disk.

ChangeRequest + rows of the binlog ──▶ ChangeCollector ──▶ TableChanges (a day's rows in local Parquet files)

Used by ``router`` while the binlog is read. Reads no binlog and writes no object: ``reader`` and ``day_writer`` do.
"""

import tempfile
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from refera_platform.duckdb_session.quoting import literal
from refera_platform.errors import ReferaError
from refera_platform.ingest.row_position import READ_FROM_LOG, position_prefix
from refera_platform.ingest.stream.changes import ChangeRequest, DayChanges, TableChanges, Truncation, add_counts
from refera_platform.ingest.stream.day_windows import END_OF_TIME_SECONDS, DayWindow
from refera_platform.lake.lake import run_sql
from refera_platform.source import arrow
from refera_platform.source.change_stream import EncodedRow, RowBatch, RowDecoder, Transaction
from refera_platform.source.fault_isolation import isolated
from refera_platform.source.position import Position

OPERATION_CODES = "cud"
NET_ROWS_BY_OPERATION = {"c": 1, "u": 0, "d": -1}


class ChangeCollector:
    """Collects the row changes of one table, day by day."""

    def __init__(self, request: ChangeRequest, connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
        """Start before the first day.

        Args:
            request: The table and the days.
            connection: Session that writes the rows.
            folder: Local folder of the run.
        """
        self.table = request.table
        self.request = request
        self.has_schema_change = request.has_schema_change
        """Whether DDL changed its columns during the run."""
        self.error: ReferaError | None = None
        """Why this table is read no further."""
        self.later_net_rows: int | None = 0 if request.counts_later_rows else None
        """Inserted less deleted rows after the last day; ``None`` when the binlog does not hold all of them."""
        next_day = request.windows[-1].day + timedelta(days=1)
        later_window = DayWindow(day=next_day, midnight_seconds=END_OF_TIME_SECONDS)
        self._days = [DayChanges(window=window, start=window.start) for window in (*request.windows, later_window)]
        self._day_index = 0
        self._snapshot_numbers = (*request.snapshot_numbers, 0)
        self._connection = connection
        self._folder = Path(tempfile.mkdtemp(prefix="changes-", dir=folder))
        self._decoder: RowDecoder | None = None
        self._rows: list[EncodedRow] = []
        self._row_runs: list[tuple[int, int, int, int, int, int]] = []
        self._row_ordinal = 0

    @property
    def has_all_days(self) -> bool:
        """Whether the read is after the last day, or has failed."""
        return self._day_index == len(self._days) - 1 or self.error is not None

    @property
    def counts_rows(self) -> bool:
        """Whether the read is after the last day, and its rows are still counted."""
        return self.has_all_days and self.later_net_rows is not None and self.error is None

    @property
    def pending_row_count(self) -> int:
        """Count of the rows in memory."""
        return len(self._rows)

    def fail(self, error: ReferaError) -> None:
        """Stop this table with an error; other tables go on."""
        self.error = self.error or error
        self.later_net_rows = None
        self._drop_rows()

    def begin(self, transaction: Transaction, resume_position: Position, latest_second: int) -> bool:
        """Move on to the day that the transaction belongs to.

        Args:
            transaction: The transaction that begins.
            resume_position: Position at which a later read must start.
            latest_second: Second since 1970 that no transaction can be later than: a session's clock may be wrong.

        Returns:
            Whether the transaction lies in one of the days.
        """
        self._row_ordinal = 0
        position = transaction.position
        while not self.has_all_days:
            window, start = self._day.window, self._day.start
            if start is None:
                start = position
                self._update(start=start)
            if position.order < start.order:
                return False
            is_over = (
                position.order >= window.end.order
                if window.end
                else min(transaction.timestamp_seconds, latest_second) >= window.midnight_seconds
            )
            if not is_over:
                return True
            self._close_day(window.end or position, resume_position, is_closed=True)
        return False

    def add_rows(self, batch: RowBatch, transaction: Transaction) -> None:
        """Add the rows of one batch."""
        if batch.decoder is not self._decoder:
            self.spill()
            self._decoder = batch.decoder
        counts_rows, position = self.counts_rows, transaction.position
        if self.has_all_days and not counts_rows:
            return
        changed_second = _row_second(transaction, self._day.window)
        for count, op in batch.decoder.split_rows(batch.payload, self._rows):
            code = OPERATION_CODES.index(op)
            self._row_runs.append(
                (count, code, changed_second, position.file_number, position.offset, self._row_ordinal)
            )
            self._row_ordinal += count
            if counts_rows and self.later_net_rows is not None:
                self.later_net_rows += count * NET_ROWS_BY_OPERATION[op]

    def truncate(self, transaction: Transaction) -> None:
        """Record that a statement removed all rows."""
        self.spill()
        if not self.has_all_days:
            truncation = Truncation(transaction=transaction, changed_second=_row_second(transaction, self._day.window))
            self._update(truncations=(*self._day.truncations, truncation))

    def mark_unsettled(self) -> None:
        """Record that rows of the current day changed without row events."""
        if not self.has_all_days:
            self._update(is_unsettled=True)

    def mark_schema_change(self) -> None:
        """Record that DDL changed the columns."""
        self.has_schema_change = True

    def stop_counting(self) -> None:
        """Stop counting the rows after the last day: the binlog does not hold all of them."""
        if self.counts_rows:
            self._drop_rows()
            self._update(files=())
        self.later_net_rows = None

    def spill(self) -> None:
        """Write the rows in memory to a local file; an error stops this table and no other."""
        counts_rows = self.counts_rows
        try:
            with isolated(self.table):
                self._spill()
        except ReferaError as error:
            if counts_rows:  # these rows are only counted, so the table goes on
                self.stop_counting()
            else:
                self.fail(error)

    def finish(self, end: Position, resume_position: Position, today: date) -> None:
        """End the open days: the binlog was read up to ``end``, which was reached on ``today``."""
        while not self.has_all_days:
            window = self._day.window
            is_closed = bool(window.end) or window.day < today
            self._close_day(window.end or end, resume_position, is_closed=is_closed)
        self.spill()

    def collected(self) -> TableChanges:
        """What was collected."""
        *days, later = self._days
        return TableChanges(
            table=self.table,
            days=tuple(days),
            later_files=later.files,
            later_net_rows=self.later_net_rows,
            has_schema_change=self.has_schema_change,
            error=self.error,
        )

    @property
    def _day(self) -> DayChanges:
        """The day that the read is in or before; after the last one, what is only counted."""
        return self._days[self._day_index]

    def _update(self, **fields: Any) -> None:
        self._days[self._day_index] = replace(self._day, **fields)

    def _drop_rows(self) -> None:
        self._rows.clear()
        self._row_runs.clear()

    def _close_day(self, end: Position, resume_position: Position, *, is_closed: bool) -> None:
        """End the current day at a position."""
        self.spill()
        if self.has_all_days:  # the rows could not be written
            return
        self._update(
            start=self._day.start or end,
            end=end,
            is_closed=is_closed,
            resume_position=min(resume_position, end, key=lambda position: position.order),
        )
        self._day_index += 1

    def _spill(self) -> None:
        day, decoder = self._day, self._decoder
        if not self._rows or decoder is None:
            return
        columns, quirks = decoder.to_arrow(self._rows)
        decoder.require_keys(self._rows, quirks)
        runs = np.array(self._row_runs, dtype=np.int64)
        counts = runs[:, 0]
        run_of_row = np.repeat(runs[:, 1:], counts, axis=0)
        firsts = np.repeat(np.cumsum(counts) - counts, counts)
        ordinals = run_of_row[:, 4] + np.arange(len(self._rows)) - firsts
        path = self._folder / f"{self._day_index}-{len(day.files)}.parquet"
        # no name of a MySQL column ends in a blank
        event_columns = zip(("op ", "stamp ", "file ", "offset "), run_of_row.T, strict=False)
        metadata_columns = {name: arrow.number_array(values) for name, values in (*event_columns, ("row ", ordinals))}
        batch = arrow.ArrowBatch({**columns, **metadata_columns}, len(self._rows))
        prefix = position_prefix(day.window.day, self._snapshot_numbers[self._day_index])
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
        column_types = {column.name: column.parquet_type for column in decoder.columns}
        is_known = bool(day.schema_versions) and day.schema_versions[-1] == column_types
        row_counts = {op: int(counts[runs[:, 1] == code].sum()) for code, op in enumerate(OPERATION_CODES)}
        self._update(
            files=(*day.files, path),
            schema_versions=day.schema_versions if is_known else (*day.schema_versions, column_types),
            row_counts=add_counts(day.row_counts, {op: count for op, count in row_counts.items() if count}),
            quirks=add_counts(day.quirks, quirks),
        )
        self._drop_rows()


def _row_second(transaction: Transaction, window: DayWindow) -> int:
    """Second since 1970 for ``_changed_at``: a server clock that is ahead moves no row out of its day."""
    return min(transaction.timestamp_seconds, window.midnight_seconds - 1)
