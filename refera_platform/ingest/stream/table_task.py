"""Task of one table in an ingest run: the table's days in the lake, the plan, and the changes to read for it.

RawObject of each day + StreamPlan ──▶ TableTask ──▶ TableChanges (the requested days, and the days that settle them)

``task_planner`` makes tasks; ``stream.run`` writes their days.
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
    """One table of an ingest run."""

    table: SourceTable
    days_in_lake: dict[date, RawObject]
    plan: day_windows.StreamPlan
    changes: TableChanges | None = None
    """Changes of the requested days; ``None`` when the binlog need not be read for them."""
    chunk_plan: ChunkPlan | None = None
    """Plan of its chunks when all are staged; ``changes`` is then what the binlog holds since the plan was made."""
    staged_chunks: list[StagedChunk] = field(default_factory=list)
    """Each chunk, as it was listed before the binlog was read."""
    closing_changes: TableChanges | None = None
    """Changes between the newest day and a resnapshot; ``None`` when there is no position to read from."""
    later_changes: TableChanges | None = None
    """Changes of the days after the requested ones, when only reading the table now can settle what is open."""
    error: ReferaError | None = None
    """Why the days after the requested ones cannot be planned."""
    previous: RawState | None = field(init=False)
    """State of the newest day before the run."""

    def __post_init__(self) -> None:
        self.previous = self.newest_state_until(date.max)

    @property
    def all_changes(self) -> list[TableChanges]:
        """All changes that are read from the binlog for its days."""
        return [changes for changes in (self.changes, self.later_changes) if changes]

    @property
    def changed_days(self) -> list[DayChanges]:
        """The days that were read from the binlog, oldest first."""
        return [day_changes for changes in self.all_changes for day_changes in changes.days]

    def iter_changed_days(self) -> Iterator[tuple[TableChanges, DayChanges]]:
        """Yield each day with the changes it belongs to, oldest first."""
        for changes in self.all_changes:
            for day_changes in changes.days:
                yield changes, day_changes

    @property
    def observed_states(self) -> list[RawState]:
        """The state of each observed day, oldest first."""
        return [item.state for item in self.days_in_lake.values() if item.state.is_observed]

    def snapshot_start(self, existing: RawObject | None) -> str:
        """Start position of a day that gets a snapshot: its own one if it exists, else the end of the newest day."""
        if existing and existing.state.is_observed:
            return existing.state.start_position
        newest = self.newest_state_until(date.max)
        return newest.end_position if newest else ""

    def newest_state_until(self, day: date) -> RawState | None:
        """The state of the newest observed day up to ``day``."""
        states = [item.state for other, item in self.days_in_lake.items() if item.state.is_observed and other <= day]
        return states[-1] if states else None

    def make_changes(
        self, windows: Sequence[DayWindow], now: float, connection: duckdb.DuckDBPyConnection, folder: Path
    ) -> TableChanges:
        """Make the changes that collect the rows of some days.

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
        # the columns at the start of the read, not those of a later day
        if previous := self.newest_state_until(windows[0].day):
            changes.source_types = dict(previous.source_types)
        # rows after the last day are counted only when they are few: those of today
        if windows[-1].end or windows[-1].midnight_seconds < now - DAY_SECONDS:
            changes.net_rows = None
        return changes

    @property
    def has_unsettled_days(self) -> bool:
        """Whether a day has changes that the binlog does not hold and that only reading the table can settle."""
        if self.plan.snapshot or (self.changes and self.changes.error):
            return False
        changed_days = self.changes.days if self.changes else []
        previous = self.newest_state_until(changed_days[0].window.day) if changed_days else self.previous
        return bool(previous and not previous.is_settled) or any(each.is_unsettled for each in changed_days)

    def windows_to_present(self, snapshot_position: Position, clock: Clock) -> tuple[DayWindow, ...]:
        """Windows of the days after the newest one, up to today; none when the binlog was read to the snapshot."""
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
        """Require that a day with later days after it is read from the binlog alone: the table of now cannot settle it.

        Raises:
            LakeError: when the binlog does not hold all changes of the day.
        """
        if day_changes.is_unsettled and day_changes.window.end:
            raise LakeError(
                f"The object of {self.table.address} for day {day_changes.window.day} does not exist, and the binlog"
                " does not hold all its changes (the table was altered, or rows were changed with their parent rows):",
                f"put the object back, or take a new snapshot: refera resnapshot {self.table.address}",
            )


def stream_start(changes: TableChanges) -> Position | None:
    """Position from which the binlog must be read for the days of a table."""
    window = changes.days[0].window
    return window.resume_position or window.start
