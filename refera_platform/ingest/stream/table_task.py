"""Task of one table in an ingest run, as a value: its days in the lake, the plan, and the changes to read for it.

plan_task() ──▶ TableTask ──▶ ChangeRequests ──▶ reader ──▶ TaskChanges ──▶ write_days() or write_snapshot()

Reads the lake's object states and the catalogue; reads no row and writes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from refera_platform.ingest.integrity import require_same_server
from refera_platform.ingest.snapshot.chunk_staging import StagedSnapshot
from refera_platform.ingest.stream import day_windows
from refera_platform.ingest.stream.changes import ChangeRequest, TableChanges
from refera_platform.ingest.stream.context import StreamContext, StreamSnapshot
from refera_platform.ingest.stream.day_windows import DayWindow
from refera_platform.lake.lake import RawObject, newest_state_until
from refera_platform.lake.object_state import RawState
from refera_platform.source.column_names import as_spelled
from refera_platform.source.hashing import require_hash_key
from refera_platform.source.position import Position
from refera_platform.source.table import SourceTable

DAY_SECONDS = 86_400
"""Seconds of a day."""


@dataclass(frozen=True, kw_only=True)
class TableTask:
    """One table of an ingest run."""

    table: SourceTable
    days_in_lake: dict[date, RawObject]
    """Its days in the lake before the run, oldest first."""
    plan: day_windows.StreamPlan
    request: ChangeRequest | None = None
    """Changes of the requested days, or of the time since the chunks were planned; ``None`` when none are read."""
    closing_request: ChangeRequest | None = None
    """Changes between the newest day and a resnapshot; ``None`` when there is no position to read from."""
    staged: StagedSnapshot | None = None
    """Its chunks, when the snapshot is merged from chunks."""

    @property
    def previous(self) -> RawState | None:
        """State of the newest observed day before the run."""
        return newest_state_until(self.days_in_lake, date.max)


def plan_task(
    context: StreamContext, table: SourceTable, requested: Sequence[date], *, is_resnapshot: bool
) -> TableTask:
    """Plan a table: list its days in the lake, decide which are filled, and from which position.

    Args:
        context: The run.
        table: Table to plan.
        requested: Days, oldest first, each once.
        is_resnapshot: Whether a new snapshot is taken whatever the lake holds.

    Raises:
        ReferaError: when the table cannot have one of the days; nothing was read.
    """
    require_hash_key(table, context.stage.hash_key)
    table = as_spelled(table, [column.name for column in context.column_resolver.declared_columns(table)])
    days_in_lake = context.days_in_lake(table)
    states_by_day = {day: item.state for day, item in days_in_lake.items()}
    plan = day_windows.plan_stream_days(
        table.address, requested, states_by_day, context.clock, is_resnapshot=is_resnapshot
    )
    task = TableTask(table=table, days_in_lake=days_in_lake, plan=plan)
    previous, identity = task.previous, (context.identity.server, context.identity.schema)
    if not is_resnapshot:
        require_same_server(context.identity, table, previous)
    can_close = bool(plan.closing_windows and previous and (previous.server, previous.schema) == identity)
    return replace(
        task,
        request=request_changes(context, task, plan.windows) if plan.windows else None,
        closing_request=request_changes(context, task, plan.closing_windows) if can_close else None,
    )


def request_changes(context: StreamContext, task: TableTask, windows: Sequence[DayWindow]) -> ChangeRequest:
    """Ask for the changes of some days of a table, oldest first."""
    # the columns at the start of the read, not those of a later day
    previous = newest_state_until(task.days_in_lake, windows[0].day)
    is_recent = windows[-1].midnight_seconds >= context.now.timestamp() - DAY_SECONDS
    return ChangeRequest(
        table=task.table,
        windows=tuple(windows),
        snapshot_numbers=tuple(
            task.days_in_lake[window.day].state.baseline if window.is_extension else 0 for window in windows
        ),
        source_types=dict(previous.source_types) if previous else {},
        # rows after the last day are counted only when they are few: those of today
        counts_later_rows=windows[-1].end is None and is_recent,
    )


def has_unsettled_days(task: TableTask, changes: TableChanges | None) -> bool:
    """Whether a day has changes that the binlog does not hold and that only reading the table can settle."""
    if task.plan.snapshot or (changes and changes.error):
        return False
    changed_days = changes.days if changes else ()
    until = changed_days[0].window.day if changed_days else date.max
    previous = newest_state_until(task.days_in_lake, until)
    return bool(previous and not previous.is_settled) or any(each.is_unsettled for each in changed_days)


def request_days_to_present(
    context: StreamContext, snapshot: StreamSnapshot, task: TableTask, changes: TableChanges | None
) -> ChangeRequest | None:
    """Ask for the changes after the newest day, up to today; ``None`` when the binlog was read to the snapshot."""
    windows = _windows_to_present(context, snapshot, task, changes)
    if not windows:
        return None
    request = request_changes(context, task, windows)
    return replace(request, has_schema_change=bool(changes and changes.has_schema_change))


def _windows_to_present(
    context: StreamContext, snapshot: StreamSnapshot, task: TableTask, changes: TableChanges | None
) -> tuple[DayWindow, ...]:
    previous = task.previous
    if task.plan.snapshot or (changes and changes.error) or previous is None:
        return ()
    if changes is None:
        is_behind = Position.parse(previous.end_position).order < snapshot.position.order
        return day_windows.windows_to_today(previous, context.clock) if is_behind else ()
    last = changes.days[-1]
    is_newest = last.window.end is None and max(task.days_in_lake) <= last.window.day
    if is_newest and last.end and last.resume_position and last.end.order < snapshot.position.order:
        return day_windows.windows_after(last.window.day, last.end, last.resume_position, context.clock)
    return ()
