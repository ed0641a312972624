"""Result of one change-stream table of an ingest run: days written, rows in the lake, and whether both sides agree.

TableTask + IngestedDays ──▶ StreamResultFactory.result_of() ──▶ IngestResult (the caller adds the seconds)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

from refera_platform.ingest.integrity import count_lake_rows
from refera_platform.ingest.result import IngestedDay, IngestResult
from refera_platform.ingest.stream.table_task import TableTask
from refera_platform.lake.schema_drift import detect_schema_change
from refera_platform.lake.volume import changed_rows_by_day
from refera_platform.reconcile.result import (
    NOT_COMPARED_DAY_OVER,
    NOT_COMPARED_INEXACT,
    NOT_COMPARED_UNSETTLED,
    ReconcileResult,
)
from refera_platform.reconcile.values import ReconcileInput, reconcile_table
from refera_platform.source.cascades import Cascades
from refera_platform.source.connection import Source


@dataclass(frozen=True, kw_only=True)
class StreamResultFactory:
    """Makes the results of one run."""

    source: Source
    folder: Path
    is_exact: bool
    """Whether the snapshot holds no change that the binlog also holds after the snapshot's position."""
    cascades: Cascades
    """Foreign keys by which rows of the tables change with others."""

    def result_of(
        self,
        task: TableTask,
        ingested_days: Sequence[IngestedDay],
        source_rows: int | None,
        *,
        unseen_days: tuple[date, ...] = (),
        is_full_snapshot: bool = False,
    ) -> Callable[..., IngestResult]:
        """Make the result of a table.

        Args:
            task: The table's task.
            ingested_days: The days that were written, or that needed no write; oldest first.
            source_rows: Rows of the source at the lake's end position; ``None`` when the source is past it.
            unseen_days: Days that were closed as unobserved.
            is_full_snapshot: Whether the whole table was read as a new snapshot.

        Returns:
            ``IngestResult`` without ``seconds``, to be called with it.
        """
        last, previous = ingested_days[-1], task.previous
        unchanged_days = task.plan.snapshot.unchanged_days if task.plan.snapshot else task.plan.unchanged_days
        days = [ingested_day.day for ingested_day in ingested_days]
        newest = task.newest_state_until(date.max)
        lake_rows, duplicate_rows = count_lake_rows(
            self.source.connection, task.table, task.days_in_lake, days, source_rows
        )
        return partial(
            IngestResult,
            table=task.table,
            ingested_days=tuple(ingested_days),
            unseen_days=unseen_days,
            unchanged_days=unchanged_days,
            source_rows=source_rows,
            schema_change=detect_schema_change(previous.columns if previous else None, last.state.columns),
            changed_rows_by_day=changed_rows_by_day(item.state for item in task.days_in_lake.values()),
            lake_rows=lake_rows,
            duplicate_rows=duplicate_rows,
            is_settled=newest is None or newest.is_settled,
            reconcile_result=self._reconcile(task, days, source_rows, is_full_snapshot=is_full_snapshot),
            days_in_lake=task.days_in_lake,
            unreadable_parents=self.cascades.hidden_parents_of(task.table.name),
        )

    def _reconcile(
        self, task: TableTask, days: Sequence[date], source_rows: int | None, *, is_full_snapshot: bool
    ) -> ReconcileResult:
        newest = task.newest_state_until(date.max)
        if newest is not None and not newest.is_settled:
            return NOT_COMPARED_UNSETTLED
        if not self.is_exact and not is_full_snapshot:
            return NOT_COMPARED_INEXACT
        if source_rows is None:
            return NOT_COMPARED_DAY_OVER
        files_after_last_day = [] if is_full_snapshot else task.all_changes[-1].after_last_day.files
        reconcile_input = ReconcileInput(
            days=task.days_in_lake,
            written_days=days,
            source_rows=source_rows,
            files_after_newest_day=files_after_last_day,
            is_full_snapshot=is_full_snapshot,
        )
        return reconcile_table(self.source, task.table, reconcile_input, self.folder)
