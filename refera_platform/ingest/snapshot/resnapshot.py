"""Resnapshot of a table with history: closes its days from the binlog where that is kept, then the snapshot is today's.

A closed day is never rewritten. When the binlog is gone, the time without changes is stored in the state of the
snapshot's object: ``unknown_since`` and ``unknown_until``. Readers of the lake and checks report it.

    newest day in the lake ──binlog──▶ write_closing_days() up to today ──▶ the snapshot, in today's object

``ingest.stream.run`` writes the snapshot.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from refera_platform.clock import Clock
from refera_platform.errors import ReferaError
from refera_platform.ingest.result import IngestedDay
from refera_platform.ingest.stream.table_changes import OTHER_BINLOG_OFFSET
from refera_platform.ingest.stream.table_task import TableTask
from refera_platform.ingest.stream.table_writer import DayWriter, add_counts
from refera_platform.lake.days import ONE_DAY
from refera_platform.lake.fault_isolation import isolated
from refera_platform.lake.lake import RawObject
from refera_platform.lake.object_state import RawState
from refera_platform.source.mysql.binlog.position import Position
from refera_platform.source.mysql.server import Server
from refera_platform.source.table import Strategy


def write_closing_days(
    task: TableTask,
    writer: DayWriter,
    server: Server,
    new_state_after: Callable[[RawState], RawState],
    snapshot_position: Position,
) -> list[IngestedDay]:
    """Write the days up to the snapshot that the binlog still holds, oldest first, and add them to the task.

    Args:
        task: The table's task.
        writer: Writes its days.
        server: Gives the GTIDs of a position.
        new_state_after: Makes the state of a new object from the previous one, before its day is known.
        snapshot_position: Binlog position of the snapshot.

    Raises:
        ReferaError: only a transient one; days that the binlog does not hold are left out.
    """
    written, last_end = list[IngestedDay](), None
    for day_changes in task.closing_changes.days if task.closing_changes else ():
        previous = task.newest_state_until(day_changes.window.day)
        if day_changes.end is None or previous is None:
            break
        day_changes.is_unsettled |= not previous.is_settled
        if last_end and day_changes.start and day_changes.start.order == last_end.order:
            day_changes.start = last_end  # the same position, with its GTIDs
        if not day_changes.end.gtid:
            gtid = server.gtid_at(day_changes.end.file, day_changes.end.offset)
            day_changes.end = replace(day_changes.end, gtid=gtid or "")
        last_end = day_changes.end
        base = replace(new_state_after(previous), source_types=previous.source_types)
        try:
            with isolated(task.table):
                item, added = writer.write(
                    day_changes, base, task.days_in_lake, pulled=None, snapshot_position=snapshot_position
                )
        except ReferaError as error:
            if error.is_transient:
                raise
            break
        task.days_in_lake = dict(sorted({**task.days_in_lake, item.day: item}.items()))
        written.append(IngestedDay.of_object(item, added))
    return written


def merge_ingested_days(closed_days: list[IngestedDay], snapshot: IngestedDay) -> list[IngestedDay]:
    """The days that a resnapshot wrote, each once: binlog rows of the snapshot's own day are counted with it."""
    same_day = [each for each in closed_days if each.day == snapshot.day]
    added = add_counts(same_day[0].added, snapshot.added) if same_day else snapshot.added
    return [*(each for each in closed_days if each.day != snapshot.day), replace(snapshot, added=added)]


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
