"""Result of one change-stream table of an ingest run: days written, rows in the lake, and whether both sides agree.

TableTask + WrittenTable ──▶ stream_result() ──▶ IngestResult
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from refera_platform.ingest.integrity import count_lake_rows
from refera_platform.ingest.result import IngestedDay, IngestResult
from refera_platform.ingest.stream.context import StreamContext, StreamSnapshot
from refera_platform.ingest.stream.table_task import TableTask
from refera_platform.lake.lake import RawObject, newest_state_until
from refera_platform.lake.schema_drift import detect_schema_change
from refera_platform.lake.volume import changed_rows_by_day
from refera_platform.reconcile.result import (
    NOT_COMPARED_DAY_OVER,
    NOT_COMPARED_INEXACT,
    NOT_COMPARED_UNSETTLED,
    ReconcileResult,
)
from refera_platform.reconcile.values import ReconcileInput, reconcile_table


@dataclass(frozen=True, kw_only=True)
class WrittenTable:
    """What a run wrote of one table."""

    ingested_days: tuple[IngestedDay, ...]
    """The days that were written, or that needed no write; oldest first, at least one."""
    days_in_lake: Mapping[date, RawObject]
    """Every day of the table now, oldest first."""
    source_rows: int | None = None
    """Rows of the source at the lake's end position; ``None`` when the source is past it."""
    later_files: tuple[Path, ...] = ()
    """Local files of the changes after the newest day."""
    unseen_days: tuple[date, ...] = ()
    """Days that were closed as unobserved."""
    is_full_snapshot: bool = False
    """Whether the whole table was read as a new snapshot."""


def stream_result(
    context: StreamContext, snapshot: StreamSnapshot, task: TableTask, written: WrittenTable
) -> IngestResult:
    """Count the table's rows in the lake, compare them with the source, and make the result."""
    table, plan, previous, days_in_lake = task.table, task.plan, task.previous, written.days_in_lake
    newest = newest_state_until(days_in_lake, date.max)
    written_days = [ingested_day.day for ingested_day in written.ingested_days]
    lake_rows, duplicate_rows = count_lake_rows(
        context.connection, table, days_in_lake, written_days, written.source_rows
    )
    return IngestResult(
        table=table,
        ingested_days=written.ingested_days,
        unseen_days=written.unseen_days,
        unchanged_days=plan.snapshot.unchanged_days if plan.snapshot else plan.unchanged_days,
        source_rows=written.source_rows,
        schema_change=detect_schema_change(
            previous.columns if previous else None, written.ingested_days[-1].state.columns
        ),
        changed_rows_by_day=changed_rows_by_day(item.state for item in days_in_lake.values()),
        lake_rows=lake_rows,
        duplicate_rows=duplicate_rows,
        is_settled=newest is None or newest.is_settled,
        reconcile_result=_reconcile(context, snapshot, task, written),
        days_in_lake=days_in_lake,
        unreadable_parents=snapshot.cascades.hidden_parents_of(table.name),
        seconds=time.monotonic() - context.started,
    )


def _reconcile(
    context: StreamContext, snapshot: StreamSnapshot, task: TableTask, written: WrittenTable
) -> ReconcileResult:
    newest = newest_state_until(written.days_in_lake, date.max)
    if newest is not None and not newest.is_settled:
        return NOT_COMPARED_UNSETTLED
    if not snapshot.is_exact and not written.is_full_snapshot:
        return NOT_COMPARED_INEXACT
    if written.source_rows is None:
        return NOT_COMPARED_DAY_OVER
    reconcile_input = ReconcileInput(
        days=written.days_in_lake,
        written_days=[ingested_day.day for ingested_day in written.ingested_days],
        source_rows=written.source_rows,
        files_after_newest_day=written.later_files,
        is_full_snapshot=written.is_full_snapshot,
    )
    return reconcile_table(context.source, task.table, reconcile_input, context.folder)
