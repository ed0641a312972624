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
from refera_platform.ingest.snapshot.chunk_staging import StagedChunk
from refera_platform.ingest.snapshot.chunks import ChunkPlan
from refera_platform.ingest.stream import day_windows
from refera_platform.ingest.stream.day_windows import DayWindow
from refera_platform.ingest.stream.table_changes import DayChanges, TableChanges
from refera_platform.lake.lake import RawObject
from refera_platform.lake.object_state import RawState
from refera_platform.source.mysql.binlog.position import Position
from refera_platform.source.table import SourceTable

DAY_SECONDS = 86_400
"""Seconds."""


@dataclass(kw_only=True)
class TableTask:
    """One table of a pass."""

    table: SourceTable
    days_in_lake: dict[date, RawObject]
    plan: day_windows.StreamPlan
    changes: TableChanges | None = None
    """The days that were asked for; ``None`` when the log need not be read for them."""
    chunk_plan: ChunkPlan | None = None
    """Its pieces when they are all there; ``log`` is then what the log tells since they were begun."""
    staged_chunks: list[StagedChunk] = field(default_factory=list)
    """Each of them, as it was found before the log was read."""
    closing_changes: TableChanges | None = None
    """What the log tells between the newest day and a resnapshot; ``None`` when there is nothing to read on from."""
    later_changes: TableChanges | None = None
    """The days after them, when only the present can settle what the log does not tell."""
    error: ReferaError | None = None
    """Why the days after those that were asked for cannot be planned."""
    previous: RawState | None = field(init=False)
    """What the newest day said of itself before the pass."""

    def __post_init__(self) -> None:
        self.previous = self.newest_state_until(date.max)

    @property
    def all_changes(self) -> list[TableChanges]:
        """What is read of the log."""
        return [changes for changes in (self.changes, self.later_changes) if changes]

    @property
    def changed_days(self) -> list[DayChanges]:
        """The days that the log told of, oldest first."""
        return [day_changes for changes in self.all_changes for day_changes in changes.days]

    def iter_changed_days(self) -> Iterator[tuple[TableChanges, DayChanges]]:
        """Each day with what it was read by, oldest first; a failure is met where its days would begin."""
        for changes in self.all_changes:
            for day_changes in changes.days:
                yield changes, day_changes

    @property
    def observed_states(self) -> list[RawState]:
        """What each observed day says of itself, oldest first."""
        return [item.state for item in self.days_in_lake.values() if item.state.is_observed]

    def snapshot_start(self, existing: RawObject | None) -> str:
        """Where a day that gets a baseline begins: where it began before, or where the newest day ended."""
        if existing and existing.state.is_observed:
            return existing.state.start_position
        newest = self.newest_state_until(date.max)
        return newest.end_position if newest else ""

    def newest_state_until(self, day: date) -> RawState | None:
        """What the newest observed day up to ``day`` says of itself."""
        states = [item.state for other, item in self.days_in_lake.items() if item.state.is_observed and other <= day]
        return states[-1] if states else None

    def make_changes(
        self, windows: Sequence[DayWindow], now: float, connection: duckdb.DuckDBPyConnection, folder: Path
    ) -> TableChanges:
        """Make what collects the rows of some days.

        Args:
            windows: The days, oldest first.
            now: Second since 1970.
            connection: Session that writes the rows.
            folder: A folder that does not exist yet.
        """
        folder.mkdir()
        snapshot_numbers = [
            self.days_in_lake[window.day].state.baseline if window.is_extension else 0 for window in windows
        ]
        changes = TableChanges(self.table, windows, snapshot_numbers, connection, folder)
        # as the table was where the reading begins, and not as it was when a later day was read
        if previous := self.newest_state_until(windows[0].day):
            changes.source_types = dict(previous.source_types)
        # what lies behind the days is counted only when it is little: that of today
        if windows[-1].end or windows[-1].midnight_seconds < now - DAY_SECONDS:
            changes.net_rows = None
        return changes

    @property
    def has_unsettled_days(self) -> bool:
        """Whether the days leave something open that only the present can settle."""
        if self.plan.snapshot or (self.changes and self.changes.error):
            return False
        changed_days = self.changes.days if self.changes else []
        previous = self.newest_state_until(changed_days[0].window.day) if changed_days else self.previous
        return bool(previous and not previous.is_settled) or any(each.is_unsettled for each in changed_days)

    def windows_to_present(self, snapshot_position: Position, clock: Clock) -> tuple[DayWindow, ...]:
        """Windows of what comes after the newest day, up to today; none when the log was read to its end."""
        if self.plan.snapshot or (self.changes and self.changes.error) or self.previous is None:
            return ()
        if self.changes is None:
            is_behind = Position.parse(self.previous.end_position).order < snapshot_position.order
            return day_windows.windows_to_today(self.previous, clock) if is_behind else ()
        last_changes = self.changes.days[-1]
        is_newest = last_changes.window.end is None and max(self.days_in_lake) <= last_changes.window.day
        if not (
            is_newest
            and last_changes.end
            and last_changes.resume_position
            and last_changes.end.order < snapshot_position.order
        ):
            return ()
        return day_windows.windows_after(last_changes.window.day, last_changes.end, last_changes.resume_position, clock)

    def require_complete_log(self, day_changes: DayChanges) -> None:
        """A day that lies between others must be told by the log alone: the table of now says nothing of it.

        Raises:
            LakeError: when the log does not tell all that happened on it.
        """
        if day_changes.is_unsettled and day_changes.window.end:
            raise LakeError(
                f"The object of {self.table.address} for day {day_changes.window.day} is gone, and the log does not"
                " tell"
                " all that happened on it (the table was altered, or rows went with those they refer to):",
                f"put the object back, or take a new baseline: refera resnapshot {self.table.address}",
            )


def stream_start(changes: TableChanges) -> Position | None:
    """Where the log must be read from for the days of a table."""
    window = changes.days[0].window
    return window.resume_position or window.start
