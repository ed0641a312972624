"""Snapshot writer of a change-stream table: commits the whole table, as it was read, as the new start of its history.

TableTask + the table as read, or its merged chunks ──▶ SnapshotWriter ──▶ WrittenTable

An initial snapshot and a resnapshot are the same; before a resnapshot ``resnapshot`` closes the days before it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from refera_platform.duckdb_session.quoting import literal, quoted
from refera_platform.ingest.result import IngestedDay
from refera_platform.ingest.row_position import READ_FROM_TABLE, position_prefix, position_suffix
from refera_platform.ingest.snapshot.chunk_staging import ChunkStaging
from refera_platform.ingest.snapshot.chunked import read_merged
from refera_platform.ingest.snapshot.resnapshot import (
    ClosedDays,
    merge_ingested_days,
    snapshot_number,
    unknown_bounds,
    write_closing_days,
)
from refera_platform.ingest.stream.changes import TaskChanges, add_counts
from refera_platform.ingest.stream.context import StreamContext, StreamSnapshot
from refera_platform.ingest.stream.table_result import WrittenTable
from refera_platform.ingest.stream.table_task import TableTask
from refera_platform.lake.days import DayPlan
from refera_platform.lake.lake import (
    RawObject,
    current_state,
    newest_state_until,
    observed_states,
    raw_rows,
    run_sql,
)
from refera_platform.lake.object_state import RawState
from refera_platform.lake.schema_drift import snapshot_types
from refera_platform.source.mysql.snapshot import TableRead, read_source_table
from refera_platform.source.totals import grouped_totals, source_totals


@dataclass(frozen=True, kw_only=True)
class SnapshotWriter:
    """Writes the snapshot of one table during one ingest run."""

    context: StreamContext
    snapshot: StreamSnapshot
    task: TableTask
    plan: DayPlan
    """The day that gets the snapshot, and the days before it that nobody saw."""

    def write(self, changes: TaskChanges) -> WrittenTable:
        """Commit the whole table as the new start of its history.

        Args:
            changes: What was read of the change stream: since the chunks were planned, and since the newest day.

        Raises:
            ReferaError: when the table cannot be read or written; the snapshot is not committed.
        """
        context, table, day = self.context, self.task.table, self.plan.day_to_fill
        closed = write_closing_days(context, self.snapshot, self.task, changes.closing)
        unseen_days = tuple(day for day in self.plan.unseen_days if day not in closed.days_in_lake)
        pulled = self._read_table(changes)
        base = self._new_state(closed, pulled)
        context.writer.write_unseen_days(table, base, unseen_days)
        rows, added = self._rows_sql(context.copies.state_with_copies(closed.days_in_lake), base, pulled)
        existing = closed.days_in_lake.get(day)
        existing_rows = existing.state.rows if existing and existing.state.is_observed else {}
        state = replace(self._with_totals(base, pulled), rows=add_counts(existing_rows, added))
        stored = context.writer.write_day(
            table, state, rows, existing=existing.stored if existing else None, is_extension=bool(existing_rows)
        )
        if self.task.staged:
            ChunkStaging(context.lake, table).discard(self.task.staged.plan)
        ingested_day = IngestedDay.of_object(RawObject(day=day, stored=stored, state=state), added)
        return WrittenTable(
            ingested_days=merge_ingested_days(closed.ingested_days, ingested_day),
            days_in_lake=context.days_in_lake(table),
            source_rows=pulled.rows,
            unseen_days=unseen_days,
            is_full_snapshot=True,
        )

    def _read_table(self, changes: TaskChanges) -> TableRead:
        """The whole table in the run's snapshot, read at once or merged from its chunks."""
        context, table, staged = self.context, self.task.table, self.task.staged
        if staged and changes.requested:
            return read_merged(context, table, staged, changes.requested, is_exact=self.snapshot.is_exact)
        return read_source_table(context.source, table, context.folder / "read.parquet", context.clock)

    def _new_state(self, closed: ClosedDays, pulled: TableRead) -> RawState:
        """The state of the snapshot's object, without its rows and the source's totals."""
        context, day, position = self.context, self.plan.day_to_fill, self.snapshot.position
        previous, existing = newest_state_until(closed.days_in_lake, date.max), closed.days_in_lake.get(day)
        source_types = {column.name: column.parquet_type for column in pulled.columns}
        columns, schema_since = snapshot_types(observed_states(closed.days_in_lake), source_types, day)
        read_count = existing.state.passes + 1 if existing else 1
        base = context.new_state(self.task.table, previous, str(position))
        unknown_since, unknown_until = unknown_bounds(
            previous, existing, pulled.read_at, context.clock, is_complete=closed.is_complete
        )
        return replace(
            base,
            day=day,
            columns=columns,
            quirks=pulled.quirks,
            passes=read_count,
            baseline=snapshot_number(existing, read_count, base.server, position),
            is_replayable=False,
            is_whole=True,
            schema_since=schema_since,
            start_position=_start_position(previous, existing),
            is_closed=day < context.clock.today(),
            schema_version=previous.schema_version + (dict(previous.columns) != columns) if previous else 1,
            unknown_since=unknown_since,
            unknown_until=unknown_until,
        )

    def _with_totals(self, state: RawState, pulled: TableRead) -> RawState:
        """The state with the totals of the source, which are unknown in an inexact snapshot."""
        if not self.snapshot.is_exact:
            return state
        _, money = source_totals(self.context.source, self.task.table)
        groups = grouped_totals(self.context.source, self.task.table, pulled.rows)
        return replace(state, table_rows=pulled.rows, source_rows=pulled.rows, source_money=money, source_groups=groups)

    def _rows_sql(
        self, days_in_lake: Mapping[date, RawObject], state: RawState, pulled: TableRead
    ) -> tuple[str, dict[str, int]]:
        """SQL of every row as it was read, and of deletes of those that are gone, with their count by ``_op``.

        Args:
            days_in_lake: The table's days in the lake.
            state: State of the object that gets the rows; its ``baseline`` is part of their ``_position``.
            pulled: The table as it was read.
        """
        columns = ", ".join(f"cast({quoted(name)} as {kind}) as {quoted(name)}" for name, kind in state.columns.items())
        rows = f"select {columns}, 'r' as _op from {pulled.relation}"
        counts = {"r": pulled.rows} if pulled.rows else {}
        deleted, deleted_count = self._deleted_rows(days_in_lake, state, pulled)
        if deleted_count:
            counts["d"] = deleted_count
            # deletes come first: when a key only changed its type, the newest change must be the present row
            rows = f"({rows} limit 0) union all by name from {deleted} union all by name {rows}"
        prefix = position_prefix(state.day, state.baseline) + position_suffix(self.snapshot.position, READ_FROM_TABLE)
        positioned = f"""
            select
                *,
                timestamptz {literal(pulled.read_at.isoformat())} as _changed_at,
                {literal(prefix)} || lpad(cast(row_number() over () as varchar), 10, '0') as _position
            from ({rows})
        """
        return positioned, counts

    def _deleted_rows(
        self, days_in_lake: Mapping[date, RawObject], state: RawState, pulled: TableRead
    ) -> tuple[str, int]:
        """Relation of the rows of the lake that the table no longer has, as deletes, and their count."""
        state_sql = current_state(self.task.table, days_in_lake, state.columns)
        if state_sql is None:
            return "", 0
        path, connection = self.context.folder / "gone.parquet", self.context.connection
        match = " and ".join(f"previous.{quoted(name)} = now.{quoted(name)}" for name in self.task.table.key)
        run_sql(
            connection,
            f"""
            copy (
                select previous.* exclude (_op, _changed_at, _position), 'd' as _op from {state_sql} as previous
                anti join {pulled.relation} as now on {match}
            ) to {literal(str(path))} (format parquet, compression lz4)
            """,
        )
        deleted = raw_rows([str(path)])
        answer = run_sql(connection, f"select count(*) from {deleted}").fetchone()
        return deleted, int(answer[0]) if answer else 0


def _start_position(previous: RawState | None, existing: RawObject | None) -> str:
    """Start position of a day that gets a snapshot: its own one if it exists, else the end of the newest day."""
    if existing and existing.state.is_observed:
        return existing.state.start_position
    return previous.end_position if previous else ""
