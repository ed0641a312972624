"""Writer of one task: commits the days that were read from the binlog, oldest first, each with its state.

TableTask + TaskChanges ──▶ write_days() ──▶ WrittenTable

``day_writer`` writes one day; ``ingest.snapshot.snapshot_writer`` writes whole tables.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from refera_platform.errors import LakeError
from refera_platform.ingest.result import IngestedDay
from refera_platform.ingest.stream.changes import DayChanges, TaskChanges
from refera_platform.ingest.stream.context import StreamContext, StreamSnapshot
from refera_platform.ingest.stream.day_writer import DayWriter
from refera_platform.ingest.stream.table_result import WrittenTable
from refera_platform.ingest.stream.table_task import TableTask
from refera_platform.lake.lake import RawObject, newest_state_until
from refera_platform.lake.object_state import RawState
from refera_platform.source.mysql.server import Server
from refera_platform.source.mysql.snapshot import read_source_table
from refera_platform.source.position import Position
from refera_platform.source.table import SourceTable
from refera_platform.source.totals import grouped_totals, source_totals


def write_days(context: StreamContext, snapshot: StreamSnapshot, task: TableTask, changes: TaskChanges) -> WrittenTable:
    """Commit the days of a table that were read from the binlog.

    Raises:
        ReferaError: when a day is incomplete or cannot be written; the days before it are committed.
    """
    if not changes.all:  # every requested day stays as it is
        item = task.days_in_lake[max(task.plan.unchanged_days)]
        return WrittenTable(ingested_days=(IngestedDay.of_object(item),), days_in_lake=task.days_in_lake)
    last_changes = changes.all[-1]
    totals = _read_totals(context, snapshot, task.table, last_changes.later_net_rows)
    writer = TaskWriter(context=context, snapshot=snapshot, table=task.table, totals=totals)
    days_in_lake: Mapping[date, RawObject] = task.days_in_lake
    ingested_days: list[IngestedDay] = []
    last_end: Position | None = None
    for read in changes.iter_days():
        _require_complete_log(task.table, read)
        is_newest = read is last_changes.days[-1] and max(days_in_lake) <= read.window.day
        day = continued_day(context.source.server, days_in_lake, read.after(last_end))
        item, added = writer.write_day(day, days_in_lake, is_newest=is_newest)
        days_in_lake = with_day(days_in_lake, item)
        ingested_days.append(IngestedDay.of_object(item, added))
        last_end = day.end
    return WrittenTable(
        ingested_days=tuple(ingested_days),
        days_in_lake=days_in_lake,
        source_rows=totals.rows_at_end if totals else None,
        later_files=last_changes.later_files,
    )


def with_day(days_in_lake: Mapping[date, RawObject], item: RawObject) -> dict[date, RawObject]:
    """The days with one that was written, oldest first."""
    return dict(sorted({**days_in_lake, item.day: item}.items()))


def continued_day(server: Server, days_in_lake: Mapping[date, RawObject], day: DayChanges) -> DayChanges:
    """A day as it continues the lake: unsettled if the one before it is, and with the GTIDs of its end."""
    previous = newest_state_until(days_in_lake, day.window.day)
    is_unsettled = day.is_unsettled or bool(previous and not previous.is_settled)
    end = day.end
    if end and not end.gtid:
        end = replace(end, gtid=server.gtid_at(end.file, end.offset) or "")
    return replace(day, is_unsettled=is_unsettled, end=end)


@dataclass(frozen=True, kw_only=True)
class SourceTotals:
    """Totals of a table at the end of the newest day that is written."""

    rows_at_end: int
    """Its rows at the end of that day."""
    rows: int
    """Its rows in the run's snapshot."""
    money: str | None
    """Sum of its declared amount in the run's snapshot, as decimal text."""


def _read_totals(
    context: StreamContext, snapshot: StreamSnapshot, table: SourceTable, later_net_rows: int | None
) -> SourceTotals | None:
    """Totals of a table; ``None`` when the rows after the newest day are unknown.

    An inexact snapshot may hold changes that come later in the binlog, so its row count has no position.
    """
    if later_net_rows is None or not snapshot.is_exact:
        return None
    rows, money = source_totals(context.source, table)
    return SourceTotals(rows_at_end=rows - later_net_rows, rows=rows, money=money)


@dataclass(frozen=True, kw_only=True)
class TaskWriter:
    """Writes the days of one task."""

    context: StreamContext
    snapshot: StreamSnapshot
    table: SourceTable
    totals: SourceTotals | None

    def write_day(
        self, day: DayChanges, days_in_lake: Mapping[date, RawObject], *, is_newest: bool
    ) -> tuple[RawObject, Mapping[str, int]]:
        """Commit one day; return its object and the counts of added rows, by ``_op``.

        Args:
            day: Its changes.
            days_in_lake: The table's objects as they are now.
            is_newest: Whether it is the newest day of the table.
        """
        reaches_snapshot = day.end is not None and day.end.order >= self.snapshot.position.order
        is_present = is_newest and reaches_snapshot
        # the table as it is now can settle only a day that reaches the snapshot's position
        path = self.context.folder / "read.parquet"
        pulled = (
            read_source_table(self.context.source, self.table, path, self.context.clock)
            if day.is_unsettled and is_present
            else None
        )
        previous = newest_state_until(days_in_lake, day.window.day)
        base = self.context.new_state(self.table, previous)
        if previous and not pulled and not reaches_snapshot:
            # the catalogue's present types may be those of a later day
            base = replace(base, source_types=previous.source_types, collations=previous.collations or base.collations)
        if is_newest:
            base = self._with_totals(base, is_present=is_present)
        writer = DayWriter(context=self.context, snapshot=self.snapshot, table=self.table)
        return writer.write(day, base, days_in_lake, pulled=pulled)

    def _with_totals(self, base: RawState, *, is_present: bool) -> RawState:
        """The state with the source's totals: its rows, and its money when nothing has changed since."""
        totals = self.totals
        if totals is None:
            return base
        if not is_present:
            return replace(base, source_rows=totals.rows_at_end, source_money=None, source_groups={})
        groups = grouped_totals(self.context.source, self.table, totals.rows)
        return replace(base, source_rows=totals.rows_at_end, source_money=totals.money, source_groups=groups)


def _require_complete_log(table: SourceTable, day: DayChanges) -> None:
    """Require that a day with later days after it is read from the binlog alone: the table of now cannot settle it.

    Raises:
        LakeError: when the binlog does not hold all changes of the day.
    """
    if day.is_unsettled and day.window.end:
        raise LakeError(
            f"The object of {table.address} for day {day.window.day} does not exist, and the binlog"
            " does not hold all its changes (the table was altered, or rows were changed with their parent rows):",
            f"put the object back, or take a new snapshot: refera resnapshot {table.address}",
        )
