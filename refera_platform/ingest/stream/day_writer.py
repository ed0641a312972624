"""Day writer of one change-stream table: merges schema versions, adds rows that have no row event, writes one object.

DayChanges ──▶ DayWriter.write() ──▶ RawObject (committed by one PUT)

``eventless_rows`` has the SQL of rows without a row event; ``task_writer`` decides which days are written.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from refera_platform.duckdb_session.quoting import literal, quoted
from refera_platform.ingest.row_position import position_prefix
from refera_platform.ingest.stream.changes import DayChanges, Truncation, add_counts
from refera_platform.ingest.stream.context import StreamContext, StreamSnapshot
from refera_platform.ingest.stream.eventless_rows import (
    difference_rows_sql,
    positioned_differences_sql,
    replaced_rows_sql,
    truncated_rows_sql,
    truncation_position,
)
from refera_platform.lake.lake import (
    RawObject,
    latest_rows,
    object_rows,
    observed_states,
    raw_rows,
    run_sql,
    state_objects,
)
from refera_platform.lake.object_state import RawState
from refera_platform.lake.schema_drift import column_types_since, require_common_types
from refera_platform.lake.writer import empty_rows
from refera_platform.source.mysql.snapshot import TableRead
from refera_platform.source.table import SourceTable


@dataclass(frozen=True, kw_only=True)
class ObjectDraft:
    """The rows of a day before they are written to its object."""

    days_in_lake: Mapping[date, RawObject]
    """The days before it, and the day itself when it is extended."""
    column_types: Mapping[str, str]
    """The type in which each column is written, dropped columns too."""
    prefix: str
    """First parts of the ``_position`` of the day's rows."""
    files: tuple[Path, ...]
    """Local files of the added rows."""
    added: Mapping[str, int]
    """Count of the added rows, by ``_op``."""


@dataclass(frozen=True, kw_only=True)
class DayWriter:
    """Writes the days of one table during one ingest run."""

    context: StreamContext
    snapshot: StreamSnapshot
    table: SourceTable

    def write(
        self,
        changes: DayChanges,
        base: RawState,
        days_in_lake: Mapping[date, RawObject],
        *,
        pulled: TableRead | None = None,
    ) -> tuple[RawObject, Mapping[str, int]]:
        """Commit one day; return its object and the counts of added rows, by ``_op``.

        Args:
            changes: Changes of the day.
            base: State to start from: positions, server and columns of the day before.
            days_in_lake: The table's objects as they are now.
            pulled: The whole table in the run's snapshot, when the binlog does not hold every change.
        """
        day, existing = changes.window.day, days_in_lake.get(changes.window.day)
        extended = existing if changes.window.is_extension else None
        schema_versions = [dict(version) for version in changes.schema_versions]
        if pulled:
            schema_versions.append({column.name: column.parquet_type for column in pulled.columns})
        newest_types = schema_versions[-1] if schema_versions else dict(base.columns)
        empty_draft = self._start_draft(changes, days_in_lake, extended, schema_versions)
        draft = self._with_truncations(empty_draft, changes)
        with_replaced = self._with_replaced_rows(draft) if changes.is_unsettled else draft
        is_in_order = not changes.truncations and with_replaced is draft
        draft = self._with_differences(with_replaced, pulled) if pulled else with_replaced
        state = self._state_after(base, changes, extended, is_settled=pulled is not None or not changes.is_unsettled)
        columns = {name: draft.column_types[name] for name in newest_types}
        state = replace(
            state,
            columns=columns,
            is_replayable=(extended is None or extended.state.is_replayable) and pulled is None,
            rows=add_counts(extended.state.rows if extended else {}, draft.added),
            table_rows=self._table_rows(draft, base, changes, pulled),
            schema_version=base.schema_version + (dict(base.columns) != columns),
        )
        stored = self.context.writer.write_day(
            self.table,
            state,
            self._rows_sql(draft, state, is_in_order=is_in_order),
            existing=existing.stored if existing else None,
            is_extension=extended is not None,
        )
        return RawObject(day=day, stored=stored, state=state), draft.added

    def _start_draft(
        self,
        changes: DayChanges,
        days_in_lake: Mapping[date, RawObject],
        extended: RawObject | None,
        schema_versions: list[dict[str, str]],
    ) -> ObjectDraft:
        """The rows of the binlog alone."""
        day = changes.window.day
        until_day = {other: item for other, item in days_in_lake.items() if other <= day}
        return ObjectDraft(
            days_in_lake={other: item for other, item in until_day.items() if other < day or extended},
            column_types=require_common_types(
                self.table.address, [*column_types_since(observed_states(until_day)), *schema_versions]
            ),
            prefix=position_prefix(day, extended.state.baseline if extended else 0),
            files=changes.files,
            added=changes.row_counts,
        )

    def _state_after(
        self, base: RawState, changes: DayChanges, extended: RawObject | None, *, is_settled: bool
    ) -> RawState:
        """The state of the day's object, without what depends on its rows."""
        previous = extended.state if extended else None
        return replace(
            base,
            day=changes.window.day,
            is_observed=True,
            baseline=previous.baseline if previous else 0,
            start_position=previous.start_position if previous else str(changes.start),
            end_position=str(changes.end),
            resume_position=str(changes.resume_position),
            is_closed=changes.is_closed,
            is_whole=previous is not None and previous.is_whole,
            is_settled=is_settled,
            unknown_since=previous.unknown_since if previous else "",
            unknown_until=previous.unknown_until if previous else "",
            passes=previous.passes + 1 if previous else 1,
            quirks=add_counts(previous.quirks if previous else {}, changes.quirks),
        )

    def _table_rows(
        self, draft: ObjectDraft, base: RawState, changes: DayChanges, pulled: TableRead | None
    ) -> int | None:
        """Rows of the table at the end of the day; ``None`` when unknown."""
        if pulled:  # an inexact snapshot holds changes that come again in the binlog, so later counts do not add up
            return pulled.rows if self.snapshot.is_exact else None
        rows = None if changes.is_unsettled else rows_after_changes(draft.days_in_lake, draft.added)
        if rows is not None and base.source_rows in (None, rows):
            return rows
        state_sql = self._state_sql(draft)  # the source has another count, or the count before the day is unknown
        row = run_sql(self.context.connection, f"select count(*) from {state_sql}").fetchone() if state_sql else None
        return int(row[0]) if row else 0

    def _rows_sql(self, draft: ObjectDraft, state: RawState, *, is_in_order: bool) -> str:
        """SQL of the rows of the local files; dropped columns stay where the files have them."""
        if not draft.files:
            return empty_rows(state)
        relation = raw_rows([str(path) for path in draft.files])
        file_columns = set(self._column_names(f"select * from {relation}"))
        names = [*state.columns, *(name for name in draft.column_types if name in file_columns - state.columns.keys())]
        values = ", ".join(
            f"cast({quoted(name) if name in file_columns else 'null'} as {draft.column_types[name]}) as {quoted(name)}"
            for name in names
        )
        order = "" if is_in_order else " order by _position"
        return f"select {values}, _op, _changed_at, _position from {relation}{order}"

    def _with_truncations(self, draft: ObjectDraft, changes: DayChanges) -> ObjectDraft:
        """Add a delete for each row that existed before a TRUNCATE."""
        for truncation in changes.truncations:
            draft = self._with_truncation(draft, truncation)
        return draft

    def _with_truncation(self, draft: ObjectDraft, truncation: Truncation) -> ObjectDraft:
        state_sql = self._state_sql(draft, f"_position < {literal(truncation_position(truncation, draft.prefix))}")
        if state_sql is None:
            return draft
        rows = truncated_rows_sql(state_sql, self.table.key, truncation, draft.prefix)
        position = truncation.transaction.position
        return self._with_rows(draft, rows, f"emptied-{position.file_number}-{position.offset}")

    def _with_replaced_rows(self, draft: ObjectDraft) -> ObjectDraft:
        """Add a delete for each row whose key was created again with no delete event."""
        if not draft.files:
            return draft
        created = f"(select * from {raw_rows([str(path) for path in draft.files])} where _op = 'c')"
        versions = object_rows(self._local_state_objects(draft), draft.column_types, files=draft.files)
        return self._with_rows(draft, replaced_rows_sql(versions, created, self.table.key), "ended")

    def _with_differences(self, draft: ObjectDraft, pulled: TableRead) -> ObjectDraft:
        """Add the differences between the table as it was read and the state made from the binlog."""
        state_sql = self._state_sql(draft)
        state_columns = self._column_names(f"select * from {state_sql}") if state_sql else []
        differences = difference_rows_sql(pulled, state_sql, self.table.key, draft.column_types, state_columns)
        rows = positioned_differences_sql(differences, pulled, self.snapshot.position, draft.prefix)
        return self._with_rows(draft, rows, "differences")

    def _with_rows(self, draft: ObjectDraft, rows: str, name: str) -> ObjectDraft:
        """Write more rows to a local file; the same draft when there are none."""
        connection, path = self.context.connection, self.context.folder / f"{name}.parquet"
        row_columns = set(self._column_names(rows))
        # cast each column: DuckDB unites BIGINT and BIGINT UNSIGNED to HUGEINT, and writes that to Parquet as a float
        cast = ", ".join(
            f"cast({quoted(column)} as {kind}) as {quoted(column)}"
            for column, kind in draft.column_types.items()
            if column in row_columns
        )
        typed_rows = f"select * replace ({cast}) from ({rows})" if cast else rows
        run_sql(connection, f"copy ({typed_rows}) to {literal(str(path))} (format parquet, compression lz4)")
        counts = dict(run_sql(connection, f"select _op, count(*) from {raw_rows([str(path)])} group by all").fetchall())
        if not counts:
            return draft
        return replace(draft, files=(*draft.files, path), added=add_counts(draft.added, counts))

    def _state_sql(self, draft: ObjectDraft, condition: str = "true") -> str | None:
        """SQL of the current rows from the lake plus the rows read so far."""
        objects = self._local_state_objects(draft)
        if not objects and not draft.files:
            return None
        rows = object_rows(objects, draft.column_types, files=draft.files)
        return latest_rows(f"(select * from {rows} where {condition})", self.table.key)

    def _local_state_objects(self, draft: ObjectDraft) -> list[RawObject]:
        """The objects that make up the state, as verified local copies: rows read from them are written again."""
        return state_objects(self.context.copies.state_with_copies(draft.days_in_lake))

    def _column_names(self, sql: str) -> list[str]:
        return [row[0] for row in run_sql(self.context.connection, f"describe {sql}").fetchall()]


def rows_after_changes(days_in_lake: Mapping[date, RawObject], added: Mapping[str, int]) -> int | None:
    """Rows at the end of a day: those before it, plus creates, less deletes; ``None`` when those before are unknown."""
    previous = [state.table_rows for state in observed_states(days_in_lake)][-1:]
    if not previous or previous[0] is None:
        return None
    return previous[0] + added.get("c", 0) - added.get("d", 0)
