"""Resnapshot of a table with history: closes its days from the binlog where that is kept, then the snapshot is today's.

A closed day is never rewritten. When the binlog is gone, the time without changes is stored in the state of the
snapshot's object: ``unknown_since`` and ``unknown_until``. Readers of the lake and checks report it.

    newest day in the lake ──binlog──▶ write_closing_days() up to today ──▶ the snapshot, in today's object

``snapshot_writer`` writes the snapshot.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from refera_platform.clock import Clock
from refera_platform.errors import ReferaError
from refera_platform.ingest.result import IngestedDay
from refera_platform.ingest.row_position import OTHER_BINLOG_OFFSET
from refera_platform.ingest.stream.changes import TableChanges, add_counts
from refera_platform.ingest.stream.context import StreamContext, StreamSnapshot
from refera_platform.ingest.stream.day_writer import DayWriter
from refera_platform.ingest.stream.table_task import TableTask
from refera_platform.ingest.stream.task_writer import continued_day, with_day
from refera_platform.lake.days import ONE_DAY
from refera_platform.lake.lake import RawObject, newest_state_until
from refera_platform.lake.object_state import RawState
from refera_platform.source.fault_isolation import isolated
from refera_platform.source.position import Position
from refera_platform.source.table import Strategy


@dataclass(frozen=True, kw_only=True)
class ClosedDays:
    """The days that were written before a resnapshot."""

    ingested_days: tuple[IngestedDay, ...]
    """Oldest first."""
    days_in_lake: Mapping[date, RawObject]
    """Every day of the table now."""
    is_complete: bool
    """Whether the binlog held every change up to the snapshot."""


def write_closing_days(
    context: StreamContext, snapshot: StreamSnapshot, task: TableTask, changes: TableChanges | None
) -> ClosedDays:
    """Write the days up to the snapshot that the binlog still holds, oldest first.

    Args:
        context: The run.
        snapshot: Its snapshot.
        task: The table's task.
        changes: Changes between the newest day and the snapshot; ``None`` when there was no position to read from.

    Raises:
        ReferaError: only a transient one; days that the binlog does not hold are left out.
    """
    writer = DayWriter(context=context, snapshot=snapshot, table=task.table)
    days_in_lake: Mapping[date, RawObject] = task.days_in_lake
    ingested_days: list[IngestedDay] = []
    last_end: Position | None = None
    for read in changes.days if changes else ():
        previous = newest_state_until(days_in_lake, read.window.day)
        if read.end is None or previous is None:
            break
        day = continued_day(context.source.server, days_in_lake, read.after(last_end))
        base = replace(context.new_state(task.table, previous), source_types=previous.source_types)
        try:
            with isolated(task.table):
                item, added = writer.write(day, base, days_in_lake)
        except ReferaError as error:
            if error.is_transient:
                raise
            break
        days_in_lake = with_day(days_in_lake, item)
        ingested_days.append(IngestedDay.of_object(item, added))
        last_end = day.end
    return ClosedDays(
        ingested_days=tuple(ingested_days),
        days_in_lake=days_in_lake,
        is_complete=changes is not None and len(ingested_days) == len(changes.days),
    )


def merge_ingested_days(closed_days: Sequence[IngestedDay], snapshot: IngestedDay) -> tuple[IngestedDay, ...]:
    """The days that a resnapshot wrote, each once: binlog rows of the snapshot's own day are counted with it."""
    same_day = [each for each in closed_days if each.day == snapshot.day]
    added = add_counts(same_day[0].added, snapshot.added) if same_day else snapshot.added
    return *(each for each in closed_days if each.day != snapshot.day), replace(snapshot, added=added)


def snapshot_number(existing: RawObject | None, read_count: int, server: str, snapshot_position: Position) -> int:
    """Number of a snapshot, which orders the rows of its day; higher when earlier rows come from another binlog.

    Args:
        existing: The object of the snapshot's day before the run.
        read_count: Number of reads in the object, with this one.
        server: Identity of the server.
        snapshot_position: Binlog position of the snapshot.
    """
    if existing is None or not existing.state.is_observed or existing.state.strategy != Strategy.LOG.value:
        return read_count
    previous = Position.parse(existing.state.end_position)
    is_reset = snapshot_position.order < previous.order or (
        snapshot_position.file_number == previous.file_number
        and 0 not in (snapshot_position.begun, previous.begun)
        and snapshot_position.begun != previous.begun
    )
    is_other = is_reset or existing.state.server != server or existing.state.baseline >= OTHER_BINLOG_OFFSET
    return read_count + OTHER_BINLOG_OFFSET if is_other else read_count


def unknown_bounds(
    previous: RawState | None, existing: RawObject | None, read_at: datetime, clock: Clock, *, is_complete: bool
) -> tuple[str, str]:
    """The time before a snapshot whose changes are unknown, as two ISO instants; empty texts when all are known.

    Args:
        previous: State of the newest observed object.
        existing: The object of the snapshot's day before the run.
        read_at: Instant of the read.
        clock: Gives the time zone in which days end.
        is_complete: Whether the binlog held every change up to the read.
    """
    since, until = (existing.state.unknown_since, existing.state.unknown_until) if existing else ("", "")
    if is_complete or previous is None or previous.strategy != Strategy.LOG.value:
        return since, until
    known_until = previous.source_read_at
    if previous.is_closed:
        midnight = datetime.combine(previous.day + ONE_DAY, datetime.min.time(), ZoneInfo(clock.time_zone))
        known_until = midnight.astimezone(UTC).isoformat()
    return since or known_until, read_at.isoformat()
