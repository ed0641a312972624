"""Resnapshot of a table with a past: its days are closed by what the log still tells, and the snapshot is today's.

A closed day is never rewritten. What nobody can know any more, since the log is gone, is kept in the state of the
object that the snapshot is in: ``unknown_since`` and ``unknown_until``; readers of the lake and checks say it.

    newest captured day ──log──▶ days up to today ──▶ closed() ──▶ the snapshot, in today's object (``capture_log``)
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from refera_platform.clock import Clock
from refera_platform.errors import ReferaError
from refera_platform.lake.captured import Filled
from refera_platform.lake.days import ONE
from refera_platform.lake.isolation import isolated
from refera_platform.lake.lake import RawObject
from refera_platform.lake.log_job import Job
from refera_platform.lake.log_table import OTHER_LOG
from refera_platform.lake.log_write import DayWriter, sums
from refera_platform.lake.state import RawState
from refera_platform.source.log.position import Position
from refera_platform.source.server import Server
from refera_platform.source.table import Strategy


def closed(
    job: Job, writer: DayWriter, server: Server, base_of: Callable[[RawState], RawState], cut: Position
) -> list[Filled]:
    """Write the days up to the snapshot that the log still tells, oldest first; the job knows them afterwards.

    Args:
        job: The table.
        writer: Writes its days.
        server: Knows the GTIDs of a place.
        base_of: What a new object says of itself after another one, before its day is known.
        cut: Place in the log of the snapshot.

    Raises:
        ReferaError: only for what may pass by itself: what the log does not tell is left out.
    """
    written, last = list[Filled](), None
    for stretch in job.closing.stretches if job.closing else ():
        was = job.before(stretch.window.day)
        if stretch.end is None or was is None:
            break
        stretch.is_unsettled |= not was.is_settled
        if last and stretch.start and stretch.start.order == last.order:
            stretch.start = last  # the same place, with its GTIDs
        if not stretch.end.gtid:
            gtid = server.gtid_at(stretch.end.file, stretch.end.offset)
            stretch.end = replace(stretch.end, gtid=gtid or "")
        last = stretch.end
        base = replace(base_of(was), source_types=was.source_types)
        try:
            with isolated(job.table):
                item, added = writer.write(stretch, base, job.known, read=None, cut=cut)
        except ReferaError as trouble:
            if trouble.passing:
                raise
            break
        job.known = dict(sorted({**job.known, item.day: item}.items()))
        written.append(
            Filled(day=item.day, state=item.state, added=added, bytes=item.stored.size, url=item.stored.url)
        )
    return written


def joined(closed_days: list[Filled], snapshot: Filled) -> list[Filled]:
    """The days that a resnapshot wrote, each once: the log's part of the snapshot's own day belongs to it."""
    own = [each for each in closed_days if each.day == snapshot.day]
    added = sums(own[0].added, snapshot.added) if own else snapshot.added
    return [*(each for each in closed_days if each.day != snapshot.day), replace(snapshot, added=added)]


def numbered(own: RawObject | None, passes: int, server: str, cut: Position) -> int:
    """The number of a baseline, which orders the rows of its day: more when those before it are of another log.

    Args:
        own: The object of the snapshot's day as it was.
        passes: How many reads went into the object with this one.
        server: Identity of the server.
        cut: Place in its log of the snapshot.
    """
    if own is None or not own.state.is_observed or own.state.strategy != Strategy.LOG.value:
        return passes
    was = Position.parse(own.state.end_position)
    began_anew = cut.order < was.order or (
        cut.number == was.number and 0 not in (cut.begun, was.begun) and cut.begun != was.begun
    )
    is_other = began_anew or own.state.server != server or own.state.baseline >= OTHER_LOG
    return passes + OTHER_LOG if is_other else passes


def unknown(
    was: RawState | None, own: RawObject | None, read_at: datetime, clock: Clock, *, is_complete: bool
) -> tuple[str, str]:
    """Since when and until when nobody knows what happened before a snapshot; nothing when all is known.

    Args:
        was: State of the newest observed object.
        own: The object of the snapshot's day as it was.
        read_at: Instant of the read.
        clock: Knows where days end.
        is_complete: Whether the log told everything up to the read.
    """
    since, until = (own.state.unknown_since, own.state.unknown_until) if own else ("", "")
    if is_complete or was is None or was.strategy != Strategy.LOG.value:
        return since, until
    reached = was.captured_at
    if was.is_closed:
        midnight = datetime.combine(was.day + ONE, datetime.min.time(), ZoneInfo(clock.time_zone))
        reached = midnight.astimezone(UTC).isoformat()
    return since or reached, read_at.isoformat()
