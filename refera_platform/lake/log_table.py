"""One table during a pass over the log: which of its days the log is at, and its rows, spilled as they come.

TableMap + rows of the log ──▶ TableLog ──▶ Stretch (a day's rows in local Parquet files, and where it ended)
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np

from refera_platform.engine import literal
from refera_platform.errors import ReferaError
from refera_platform.lake.isolation import isolated
from refera_platform.lake.lake import run
from refera_platform.lake.windows import Window
from refera_platform.source import arrow
from refera_platform.source.log.image import Row
from refera_platform.source.log.position import Position
from refera_platform.source.log.rows import RowDecoder
from refera_platform.source.log.transaction import Transaction
from refera_platform.source.table import SourceTable

OPERATIONS = "cud"
CAME = {"c": 1, "u": 0, "d": -1}
END_OF_TIME = 1 << 40
"""A second since 1970 that no stamp reaches."""
READ, LOGGED = 0, 1
"""What a position's last part but one says: read from the table at a boundary of the log, or logged behind it."""
OTHER_LOG = 500_000
"""Added to a baseline when earlier rows of its day are of another log: their places tell nothing of who was first."""


def position_prefix(day: date, baseline: int) -> str:
    """The first parts of a row's position: the day, and how many times the table was read anew on it."""
    return f"{day:%Y%m%d}-{baseline:06d}-"


def position_of(place: Position, kind: int) -> str:
    """The parts of a row's position that say where in the log."""
    return f"{place.number:010d}-{place.offset:012d}-{kind}-"


@dataclass(kw_only=True)
class Emptied:
    """A statement that took all rows at once: the log names none of them."""

    transaction: Transaction
    stamp: int
    """Second since 1970 that its rows are dated with."""


@dataclass(kw_only=True)
class Stretch:
    """The rows of one day, as the log tells them."""

    window: Window
    start: Position | None = None
    end: Position | None = None
    resume: Position | None = None
    is_closed: bool = False
    files: list[Path] = field(default_factory=list)
    """Local Parquet files with the raw contract's columns, in order."""
    versions: list[dict[str, str]] = field(default_factory=list)
    """Parquet types by column, one for each shape that the table had, oldest first."""
    rows: dict[str, int] = field(default_factory=dict)
    quirks: dict[str, int] = field(default_factory=dict)
    emptied: list[Emptied] = field(default_factory=list)
    is_unsettled: bool = False


class TableLog:
    """Collects the rows of one table, day by day."""

    def __init__(
        self, table: SourceTable, windows: Sequence[Window], baselines: Sequence[int],
        connection: duckdb.DuckDBPyConnection, folder: Path,
    ) -> None:  # fmt: skip
        self.table = table
        self.stretches = [Stretch(window=window, start=window.start) for window in windows]
        self.failure: ReferaError | None = None
        self.net: int | None = 0
        """Rows that came less rows that went behind the last stretch; ``None`` when the log does not say."""
        after = windows[-1].day + timedelta(days=1)
        self.behind = Stretch(window=Window(day=after, midnight=END_OF_TIME))
        """Rows behind the last stretch, as long as ``net`` is known: not kept, only replayed by whoever compares."""
        self.source_types: dict[str, str] = {}
        """Type and character set of each column when the lake last saw the table."""
        self.has_new_shape = False
        """Whether DDL changed its columns during the pass."""
        self._baselines = baselines
        self._at = 0
        self._connection = connection
        self._folder = folder
        self._decoder: RowDecoder | None = None
        self._rows: list[Row] = []
        self._runs: list[tuple[int, int, int, int, int, int]] = []
        self._ordinal = 0

    @property
    def current(self) -> Stretch | None:
        """The stretch that the log is in or before; ``None`` behind the last one."""
        return self.stretches[self._at] if self._at < len(self.stretches) and self.failure is None else None

    @property
    def is_behind(self) -> bool:
        """Whether the log is behind the last stretch, and its rows are still looked at."""
        return self.current is None and self.net is not None and self.failure is None

    def fail(self, trouble: ReferaError) -> None:
        """This table stops here; others go on."""
        self.failure = self.failure or trouble
        self._rows.clear()
        self._runs.clear()

    def begin(self, transaction: Transaction, resume: Position, horizon: int) -> bool:
        """Move on to the day that the transaction belongs to; whether that day's rows are wanted here.

        Args:
            transaction: The one that begins.
            resume: Where a later reader must start.
            horizon: Second since 1970 that no transaction can be later than: a session's clock may be wrong.
        """
        self._ordinal = 0
        place = transaction.place
        while stretch := self.current:
            window = stretch.window
            stretch.start = stretch.start or place
            if place.order < stretch.start.order:
                return False
            over = (
                place.order >= window.end.order
                if window.end
                else min(transaction.stamp, horizon) >= window.midnight
            )
            if not over:
                return True
            self.close(window.end or place, resume, is_closed=True)
        return False

    def look_away(self) -> None:
        """What is behind the last stretch is not to be known: the log does not tell all of it."""
        if self.is_behind:
            self._rows.clear()
            self._runs.clear()
            self.behind.files.clear()
        self.net = None

    def close(self, end: Position, resume: Position, *, is_closed: bool) -> None:
        """The current stretch ends here."""
        if stretch := self.current:
            self.spill()
            stretch.start = stretch.start or end
            stretch.end, stretch.is_closed = end, is_closed
            stretch.resume = min(resume, end, key=lambda place: place.order)
            self._at += 1

    def rows(
        self, decoder: RowDecoder, operation: str, version: int, body: bytes, transaction: Transaction
    ) -> None:
        """Take the rows of one event."""
        if decoder is not self._decoder:
            self.spill()
            self._decoder = decoder
        is_behind, place = self.is_behind, transaction.place
        stretch = self.behind if is_behind else self.current
        if stretch is None:
            return
        stamp = _dated(transaction, stretch.window)
        for count, op in decoder.read(operation, version, body, self._rows):
            code = OPERATIONS.index(op)
            self._runs.append((count, code, stamp, place.number, place.offset, self._ordinal))
            self._ordinal += count
            if is_behind and self.net is not None:
                self.net += count * CAME[op]

    @property
    def pending(self) -> int:
        """Rows in memory."""
        return len(self._rows)

    def empty(self, transaction: Transaction) -> None:
        """All rows are gone at once."""
        if stretch := self.current:
            self.spill()
            stretch.emptied.append(
                Emptied(transaction=transaction, stamp=_dated(transaction, stretch.window))
            )

    def spill(self) -> None:
        """Write what came so far to a local file; rows that cannot be written stop this table and no other."""
        is_behind = self.is_behind
        try:
            with isolated(self.table):
                self._spill()
        except ReferaError as trouble:
            if is_behind:  # rows that nobody keeps stop nothing
                self.look_away()
            else:
                self.fail(trouble)

    def _spill(self) -> None:
        stretch, decoder = self.behind if self.is_behind else self.current, self._decoder
        if not self._rows or stretch is None or decoder is None:
            return
        columns, quirks = decoder.arrow(self._rows)
        decoder.require_keys(self._rows, quirks)
        runs = np.array(self._runs, dtype=np.int64)
        counts = runs[:, 0]
        spread = np.repeat(runs[:, 1:], counts, axis=0)
        firsts = np.repeat(np.cumsum(counts) - counts, counts)
        ordinals = spread[:, 4] + np.arange(len(self._rows)) - firsts
        path = self._folder / f"{self.table.database}-{id(self)}-{self._at}-{len(stretch.files)}.parquet"
        # no name of a MySQL column ends in a blank
        named = zip(("op ", "stamp ", "file ", "offset "), spread.T, strict=False)
        meta = {name: arrow.numbers(values) for name, values in (*named, ("row ", ordinals))}
        batch = arrow.Rows({**columns, **meta}, len(self._rows))
        baseline = 0 if stretch is self.behind else self._baselines[self._at]
        prefix = position_prefix(stretch.window.day, baseline)
        self._connection.register("logged_rows", batch)
        run(
            self._connection,
            f'copy (select {", ".join(decoder.kept())}, {literal(OPERATIONS)}[cast("op " as integer) + 1] as _op,'
            f' to_timestamp("stamp ") as _changed_at,'
            f" {literal(prefix)} || lpad(cast(\"file \" as varchar), 10, '0') || '-'"
            f" || lpad(cast(\"offset \" as varchar), 12, '0') || '-{LOGGED}-'"
            f" || lpad(cast(\"row \" as varchar), 10, '0') as _position from logged_rows)"
            f" to {literal(str(path))} (format parquet, compression lz4)",
        )
        self._connection.unregister("logged_rows")
        stretch.files.append(path)
        shape = {column.name: column.parquet_type for column in decoder.columns}
        if not stretch.versions or stretch.versions[-1] != shape:
            stretch.versions.append(shape)
        for code, op in enumerate(OPERATIONS):
            if count := int(counts[runs[:, 1] == code].sum()):
                stretch.rows[op] = stretch.rows.get(op, 0) + count
        for name, count in quirks.items():
            stretch.quirks[name] = stretch.quirks.get(name, 0) + count
        self._rows.clear()
        self._runs.clear()


def _dated(transaction: Transaction, window: Window) -> int:
    """The second that rows are dated with: a clock that is ahead takes no row out of its day."""
    return min(transaction.stamp, window.midnight - 1)
