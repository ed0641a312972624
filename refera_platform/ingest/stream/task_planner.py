"""Planner of the tables of one ingest run: which days of each are filled, and from which position of the binlog.

Reads the lake's object states and the catalogue; reads no row and writes nothing.
"""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from refera_platform.clock import Clock
from refera_platform.errors import ReferaError
from refera_platform.ingest.integrity import require_same_server
from refera_platform.ingest.stream import day_windows
from refera_platform.ingest.stream.column_resolver import ColumnResolver
from refera_platform.ingest.stream.table_changes import TableChanges
from refera_platform.ingest.stream.table_task import TableTask
from refera_platform.lake.fault_isolation import isolated
from refera_platform.lake.lake import Lake
from refera_platform.source.column_names import as_spelled
from refera_platform.source.connection import ServerIdentity, Source
from refera_platform.source.hashing import require_hash_key
from refera_platform.source.mysql.binlog.position import Position
from refera_platform.source.table import SourceTable


class TaskPlanner:
    """Makes the tasks of one run."""

    def __init__(
        self, lake: Lake, source: Source, clock: Clock, folder: Path, *, hash_key: bytes, resolver: ColumnResolver
    ) -> None:
        self._lake = lake
        self._source = source
        self._clock = clock
        self._folder = folder
        self._hash_key = hash_key
        self._column_resolver = resolver
        self.now = clock.now()
        """Instant of the run."""
        self.identity: ServerIdentity = source.identity()
        self._folder_count = 0

    def plan_task(self, table: SourceTable, requested: Sequence[date], *, is_resnapshot: bool) -> TableTask:
        """Plan a table: list its days in the lake, decide which are filled, and from which position.

        Args:
            table: Table to plan.
            requested: Days, oldest first, each once.
            is_resnapshot: Whether a new snapshot is taken whatever the lake holds.

        Raises:
            ReferaError: when the table cannot have one of the days; nothing was read.
        """
        require_hash_key(table, self._hash_key)
        table = as_spelled(table, [column.name for column in self._column_resolver.declared_columns(table)])
        days_in_lake = self._lake.days(table, self._source.connection)
        states_by_day = {day: item.state for day, item in days_in_lake.items()}
        plan = day_windows.plan_stream_days(
            table.address, requested, states_by_day, self._clock, is_resnapshot=is_resnapshot
        )
        task = TableTask(table=table, days_in_lake=days_in_lake, plan=plan)
        if not is_resnapshot:
            require_same_server(self.identity, table, task.previous)
        if plan.windows:
            task.changes = self.make_changes(task, plan.windows)
        identity = (self.identity.server, self.identity.schema)
        if plan.closing_windows and task.previous and (task.previous.server, task.previous.schema) == identity:
            task.closing_changes = self.make_changes(task, plan.closing_windows)
        return task

    def plan_days_to_present(self, task: TableTask, snapshot_position: Position) -> None:
        """Plan the days after the requested ones up to today; an error is kept in the task."""
        try:
            with isolated(task.table):
                if windows := task.windows_to_present(snapshot_position, self._clock):
                    task.later_changes = self.make_changes(task, windows)
                    task.later_changes.has_schema_change = bool(task.changes and task.changes.has_schema_change)
        except ReferaError as error:
            task.error = error

    def make_changes(self, task: TableTask, windows: Sequence[day_windows.DayWindow]) -> TableChanges:
        """Make the changes that collect the rows of some days of a table, in a folder of their own."""
        self._folder_count += 1
        folder = self._folder / f"log-{self._folder_count}"
        return task.make_changes(windows, self.now.timestamp(), self._source.connection, folder)
