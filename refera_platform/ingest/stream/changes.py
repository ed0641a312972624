"""Changes of one table of an ingest run, as values: what is asked of the change stream, and what was read of it.

TableTask ──▶ ChangeRequest ──▶ reader ──▶ TableChanges (a DayChanges for each day) ──▶ day writer

Collects nothing itself: ``change_collector`` does, while the stream is read.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from refera_platform.errors import ReferaError
from refera_platform.ingest.stream.day_windows import DayWindow
from refera_platform.source.change_stream import StreamTable, Transaction
from refera_platform.source.position import Position
from refera_platform.source.table import SourceTable


@dataclass(frozen=True, kw_only=True)
class ChangeRequest:
    """Days of one table whose changes are read from the change stream."""

    table: SourceTable
    windows: tuple[DayWindow, ...]
    """The days, oldest first; at least one."""
    snapshot_numbers: tuple[int, ...]
    """For each day the number of its last snapshot, which is part of the ``_position`` of its rows."""
    source_types: Mapping[str, str]
    """Type and character set of each column at the start of the read; empty when unknown."""
    counts_later_rows: bool
    """Whether rows after the last day are counted, so that the source of now can be compared with its end."""
    has_schema_change: bool = False
    """Whether DDL is known to have changed the columns since ``source_types``."""

    @property
    def start(self) -> Position | None:
        """Position from which the change stream must be read."""
        return self.windows[0].resume_position or self.windows[0].start

    @property
    def stream_table(self) -> StreamTable:
        """The table as its change stream is asked for."""
        return StreamTable(
            table=self.table,
            start=self.start,
            previous_types=self.source_types,
            has_schema_change=self.has_schema_change,
        )


@dataclass(frozen=True, kw_only=True)
class Truncation:
    """A statement that removed all rows at once, without row events."""

    transaction: Transaction
    changed_second: int
    """Second since 1970 for ``_changed_at`` of its rows."""


@dataclass(frozen=True, kw_only=True)
class DayChanges:
    """The row changes of one day, as the binlog holds them."""

    window: DayWindow
    start: Position | None = None
    end: Position | None = None
    """End position; ``None`` for a day that the read did not reach."""
    resume_position: Position | None = None
    is_closed: bool = False
    files: tuple[Path, ...] = ()
    """Local Parquet files with the raw contract's columns, in order."""
    schema_versions: tuple[Mapping[str, str], ...] = ()
    """Parquet types by column, one for each schema that the table had, oldest first."""
    row_counts: Mapping[str, int] = field(default_factory=dict)
    quirks: Mapping[str, int] = field(default_factory=dict)
    truncations: tuple[Truncation, ...] = ()
    is_unsettled: bool = False
    """Whether rows changed without row events, so that only reading the table can settle the day."""

    def after(self, previous_end: Position | None) -> "DayChanges":
        """The same day, its start with the GTIDs of the end of the day before it when that is the same position."""
        if previous_end and self.start and self.start.order == previous_end.order:
            return replace(self, start=previous_end)
        return self


@dataclass(frozen=True, kw_only=True)
class TableChanges:
    """What was read of the change stream for one request."""

    table: SourceTable
    days: tuple[DayChanges, ...]
    """The requested days, oldest first."""
    later_files: tuple[Path, ...] = ()
    """Local files of the rows after the last day: not written, only replayed to reconcile."""
    later_net_rows: int | None = None
    """Inserted less deleted rows after the last day; ``None`` when the binlog does not hold all of them."""
    has_schema_change: bool = False
    """Whether DDL changed the columns during the run."""
    error: ReferaError | None = None
    """Why the changes are incomplete."""


@dataclass(frozen=True, kw_only=True)
class TaskChanges:
    """What was read of the change stream for one task."""

    requested: TableChanges | None = None
    later: TableChanges | None = None
    """Changes of the days after the requested ones, when only reading the table now can settle what is open."""
    closing: TableChanges | None = None

    @property
    def all(self) -> list[TableChanges]:
        """The changes of the days that are written, oldest first; without those that close days for a resnapshot."""
        return [changes for changes in (self.requested, self.later) if changes]

    def iter_days(self) -> Iterator[DayChanges]:
        """Yield each day that is written, oldest first.

        Raises:
            ReferaError: when the changes of the next day are incomplete.
        """
        for changes in self.all:
            if changes.error:
                raise changes.error
            yield from changes.days


def add_counts(first: Mapping[str, int], second: Mapping[str, int]) -> dict[str, int]:
    """Add up two counts by name."""
    return {name: first.get(name, 0) + second.get(name, 0) for name in sorted({*first, *second})}
