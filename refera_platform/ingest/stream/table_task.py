"""One table of a pass over the log: what the lake holds of it, what is wanted, and whether the log tells all of it.

RawObject of each day + LogPlan ──▶ Job ──▶ TableLog (days that were asked for, and those that settle them)
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import duckdb

from refera_platform.clock import Clock
from refera_platform.errors import LakeError, ReferaError
from refera_platform.ingest.snapshot.chunks import Piece, PiecePlan
from refera_platform.ingest.stream import day_windows
from refera_platform.ingest.stream.day_windows import Window
from refera_platform.ingest.stream.table_changes import Stretch, TableLog
from refera_platform.lake.lake import RawObject
from refera_platform.lake.object_state import RawState
from refera_platform.source.mysql.binlog.position import Position
from refera_platform.source.table import SourceTable

DAY = 86_400
"""Seconds."""


@dataclass(kw_only=True)
class Job:
    """One table of a pass."""

    table: SourceTable
    known: dict[date, RawObject]
    plan: day_windows.LogPlan
    log: TableLog | None = None
    """The days that were asked for; ``None`` when the log need not be read for them."""
    pieces: PiecePlan | None = None
    """Its pieces when they are all there; ``log`` is then what the log tells since they were begun."""
    staged: list[Piece] = field(default_factory=list)
    """Each of them, as it was found before the log was read."""
    closing: TableLog | None = None
    """What the log tells between the newest day and a resnapshot; ``None`` when there is nothing to read on from."""
    later: TableLog | None = None
    """The days after them, when only the present can settle what the log does not tell."""
    failure: ReferaError | None = None
    """Why the days after those that were asked for cannot be planned."""
    was: RawState | None = field(init=False)
    """What the newest day said of itself before the pass."""

    def __post_init__(self) -> None:
        self.was = self.before(date.max)

    @property
    def logs(self) -> list[TableLog]:
        """What is read of the log."""
        return [log for log in (self.log, self.later) if log]

    @property
    def stretches(self) -> list[Stretch]:
        """The days that the log told of, oldest first."""
        return [stretch for log in self.logs for stretch in log.stretches]

    def told(self) -> Iterator[tuple[TableLog, Stretch]]:
        """Each day with what it was read by, oldest first; a failure is met where its days would begin."""
        for log in self.logs:
            for stretch in log.stretches:
                yield log, stretch

    @property
    def states(self) -> list[RawState]:
        """What each observed day says of itself, oldest first."""
        return [item.state for item in self.known.values() if item.state.is_observed]

    def start_of(self, own: RawObject | None) -> str:
        """Where a day that gets a baseline begins: where it began before, or where the newest day ended."""
        if own and own.state.is_observed:
            return own.state.start_position
        newest = self.before(date.max)
        return newest.end_position if newest else ""

    def before(self, day: date) -> RawState | None:
        """What the newest observed day up to ``day`` says of itself."""
        states = [item.state for other, item in self.known.items() if item.state.is_observed and other <= day]
        return states[-1] if states else None

    def read(
        self, windows_of: Sequence[Window], now: float, connection: duckdb.DuckDBPyConnection, folder: Path
    ) -> TableLog:
        """Make what collects the rows of some days.

        Args:
            windows_of: The days, oldest first.
            now: Second since 1970.
            connection: Session that writes the rows.
            folder: A folder that does not exist yet.
        """
        folder.mkdir()
        baselines = [self.known[window.day].state.baseline if window.extends else 0 for window in windows_of]
        log = TableLog(self.table, windows_of, baselines, connection, folder)
        # as the table was where the reading begins, and not as it was when a later day was read
        if known := self.before(windows_of[0].day):
            log.source_types = dict(known.source_types)
        # what lies behind the days is counted only when it is little: that of today
        if windows_of[-1].end or windows_of[-1].midnight < now - DAY:
            log.net = None
        return log

    @property
    def is_open(self) -> bool:
        """Whether the days leave something open that only the present can settle."""
        if self.plan.baseline or (self.log and self.log.failure):
            return False
        stretches = self.log.stretches if self.log else []
        known = self.before(stretches[0].window.day) if stretches else self.was
        return bool(known and not known.is_settled) or any(each.is_unsettled for each in stretches)

    def days_to_the_present(self, cut: Position, clock: Clock) -> tuple[Window, ...]:
        """Windows of what comes after the newest day, up to today; none when the log was read to its end."""
        if self.plan.baseline or (self.log and self.log.failure) or self.was is None:
            return ()
        if self.log is None:
            is_behind = Position.parse(self.was.end_position).order < cut.order
            return day_windows.onward(self.was, clock) if is_behind else ()
        last = self.log.stretches[-1]
        is_newest = last.window.end is None and max(self.known) <= last.window.day
        if not (is_newest and last.end and last.resume and last.end.order < cut.order):
            return ()
        return day_windows.after(last.window.day, last.end, last.resume, clock)

    def require_told(self, stretch: Stretch) -> None:
        """A day that lies between others must be told by the log alone: the table of now says nothing of it.

        Raises:
            LakeError: when the log does not tell all that happened on it.
        """
        if stretch.is_unsettled and stretch.window.end:
            raise LakeError(
                f"The object of {self.table.address} for day {stretch.window.day} is gone, and the log does not tell"
                " all that happened on it (the table was altered, or rows went with those they refer to):",
                f"put the object back, or take a new baseline: refera resnapshot {self.table.address}",
            )


def start_of(log: TableLog) -> Position | None:
    """Where the log must be read from for the days of a table."""
    window = log.stretches[0].window
    return window.resume or window.start
