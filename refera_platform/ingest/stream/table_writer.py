"""Day writer of one change-stream table: merges schema versions, adds rows that have no row event, writes one object.

DayChanges ──▶ DayWriter.write() ──▶ RawObject (committed by one PUT)

Rows without a row event: rows of a TRUNCATE, of a replaced table, and differences to the table as it was read.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

import duckdb

from refera_platform.duckdb_session.quoting import literal, quoted
from refera_platform.ingest.stream.table_changes import (
    READ_FROM_LOG,
    READ_FROM_TABLE,
    DayChanges,
    Truncation,
    position_prefix,
    position_suffix,
)
from refera_platform.lake.lake import Lake, RawObject, latest_rows, object_rows, raw_rows, run_sql, state_objects
from refera_platform.lake.local_copies import LocalCopies
from refera_platform.lake.object_state import RawState
from refera_platform.lake.schema_drift import column_types_since, require_common_types
from refera_platform.lake.writer import empty_rows, write_day
from refera_platform.source.mysql.binlog.position import Position
from refera_platform.source.mysql.snapshot import TableRead
from refera_platform.source.row_changes import row_changes_sql
from refera_platform.source.table import SourceTable

FIRST_ROW_SUFFIX = f"{READ_FROM_LOG}-{0:010d}"
"""The last two parts of the ``_position`` of a transaction's first row."""


@dataclass(frozen=True, kw_only=True)
class ObjectDraft:
    """The rows of a day before they are written to its object."""

    days_in_lake: Mapping[date, RawObject]
    """The days before it, and the day itself when it is extended."""
    column_types: Mapping[str, str]
    """The type in which each column is written, dropped columns too."""
    files: list[Path]
    """Local files of the added rows."""
    added: dict[str, int]
    """Count of the added rows, by ``_op``."""


@dataclass(frozen=True, kw_only=True)
class DayWriter:
    """Writes the days of one table during one ingest run."""

    lake: Lake
    connection: duckdb.DuckDBPyConnection
    table: SourceTable
    folder: Path
    is_exact: bool
    """Whether the snapshot shows the changes up to its position, and no later ones."""

    def write(
        self,
        day_changes: DayChanges,
        base: RawState,
        days_in_lake: Mapping[date, RawObject],
        *,
        pulled: TableRead | None,
        snapshot_position: Position,
    ) -> tuple[RawObject, dict[str, int]]:
        """Commit one day; return its object and the counts of added rows, by ``_op``.

        Args:
            day_changes: Changes of the day.
            base: State to start from: positions, server and columns of the day before.
            days_in_lake: The table's objects as they are now.
            pulled: The whole table at ``snapshot_position``, when the binlog does not hold every change.
            snapshot_position: Position up to which the binlog was read.
        """
        day, window = day_changes.window.day, day_changes.window
        existing = days_in_lake.get(day)
        extended = existing if window.is_extension else None
        observed_states = [
            item.state for other, item in days_in_lake.items() if item.state.is_observed and other <= day
        ]
        schema_versions = [
            *day_changes.schema_versions,
            *([{column.name: column.parquet_type for column in pulled.columns}] if pulled else []),
        ]
        newest_types = schema_versions[-1] if schema_versions else dict(base.columns)
        column_types = require_common_types(
            self.table.address, [*column_types_since(observed_states), *schema_versions]
        )
        baseline = extended.state.baseline if extended else 0
        earlier_days = {
            other: item for other, item in days_in_lake.items() if other < day or (extended and other == day)
        }
        draft = ObjectDraft(
            days_in_lake=earlier_days,
            column_types=column_types,
            files=list(day_changes.files),
            added=dict(day_changes.row_counts),
        )
        for truncation in day_changes.truncations:
            self._add_truncated_rows(draft, truncation, position_prefix(day, baseline))
        is_in_order = not day_changes.truncations and not (day_changes.is_unsettled and self._add_replaced_rows(draft))
        if pulled:
            self._add_differences(draft, pulled, position_prefix(day, baseline), snapshot_position)
        table_rows: int | None
        if pulled:  # an inexact snapshot holds changes that come again in the binlog, so later counts do not add up
            table_rows = pulled.rows if self.is_exact else None
        else:
            table_rows = None if day_changes.is_unsettled else rows_after_changes(earlier_days, draft.added)
            if table_rows is None or base.source_rows not in (None, table_rows):  # the source has another count
                table_rows = self._count_rows(draft)
        columns = {name: column_types[name] for name in newest_types}
        existing_rows = extended.state.rows if extended else {}
        state = replace(
            base,
            day=day,
            columns=columns,
            is_observed=True,
            baseline=baseline,
            start_position=extended.state.start_position if extended else str(day_changes.start),
            end_position=str(day_changes.end),
            resume_position=str(day_changes.resume_position),
            is_closed=day_changes.is_closed,
            is_whole=extended is not None and extended.state.is_whole,
            is_settled=pulled is not None or not day_changes.is_unsettled,
            is_replayable=(extended is None or extended.state.is_replayable) and pulled is None,
            unknown_since=extended.state.unknown_since if extended else "",
            unknown_until=extended.state.unknown_until if extended else "",
            passes=extended.state.passes + 1 if extended else 1,
            rows=add_counts(existing_rows, draft.added),
            table_rows=table_rows,
            quirks=add_counts(extended.state.quirks if extended else {}, day_changes.quirks),
            schema_version=base.schema_version + (dict(base.columns) != columns),
        )
        stored = write_day(
            self.lake,
            self.connection,
            self.table,
            state,
            self._rows_sql(draft, state, is_in_order=is_in_order),
            is_extension=extended is not None,
            existing=existing.stored if existing else None,
            folder=self.folder,
        )
        return RawObject(day=day, stored=stored, state=state), draft.added

    def _rows_sql(self, draft: ObjectDraft, state: RawState, *, is_in_order: bool) -> str:
        """SQL of the rows of the local files; dropped columns stay where the files have them."""
        if not draft.files:
            return empty_rows(state)
        relation = raw_rows([str(path) for path in draft.files])
        file_columns = {row[0] for row in run_sql(self.connection, f"describe select * from {relation}").fetchall()}
        names = [*state.columns, *(name for name in draft.column_types if name in file_columns - state.columns.keys())]
        values = ", ".join(
            f"cast({quoted(name) if name in file_columns else 'null'} as {draft.column_types[name]}) as {quoted(name)}"
            for name in names
        )
        order = "" if is_in_order else " order by _position"
        return f"select {values}, _op, _changed_at, _position from {relation}{order}"

    def _count_rows(self, draft: ObjectDraft) -> int:
        """Count the table's rows in the lake's state plus the rows read so far."""
        state_sql = self._state_sql(draft, "true")
        row = run_sql(self.connection, f"select count(*) from {state_sql}").fetchone() if state_sql else None
        return int(row[0]) if row else 0

    def _add_truncated_rows(self, draft: ObjectDraft, truncation: Truncation, prefix: str) -> None:
        """Add a delete, with the last known values, for each row that existed before a TRUNCATE."""
        transaction = truncation.transaction
        position = prefix + position_suffix(transaction.position, READ_FROM_LOG)
        state_sql = self._state_sql(draft, f"_position < {literal(position)}")
        if state_sql is None:
            return
        key = ", ".join(quoted(name) for name in self.table.key)
        self._add_rows(
            draft,
            f"select * exclude (_op, _changed_at, _position), 'd' as _op,"
            f" to_timestamp({truncation.stamp}) as _changed_at, {literal(position)}"
            f" || lpad(cast(row_number() over (order by {key}) as varchar), 10, '0') as _position from {state_sql}",
            f"emptied-{transaction.position.file_number}-{transaction.position.offset}",
        )

    def _add_replaced_rows(self, draft: ObjectDraft) -> bool:
        """Add a delete for each row whose key was created again with no delete event; return whether there is any.

        This happens when the table was replaced by another one (RENAME, EXCHANGE PARTITION, CREATE OR REPLACE). The
        delete is ordered before the transaction that created the key, and after everything before it.
        """
        if not draft.files:
            return False
        key = ", ".join(quoted(name) for name in self.table.key)
        created = f"(select * from {raw_rows([str(path) for path in draft.files])} where _op = 'c')"
        versions = object_rows(self._local_state_objects(draft), draft.column_types, files=draft.files)
        following = ", ".join(
            f"lead({name}) over (partition by {key} order by _position) as {quoted(f'{name} ')}"
            for name in ("_op", "_position", "_changed_at")
        )
        number = 'row_number() over (order by "_position ")'
        return self._add_rows(
            draft,
            f'select * exclude (_op, _changed_at, _position, "_op ", "_changed_at ", "_position "), \'d\' as _op,'
            f' "_changed_at " as _changed_at,'
            f" left(\"_position \", {-len(FIRST_ROW_SUFFIX)}) || '{READ_FROM_TABLE}-9' || lpad(cast({number} as"
            " varchar), 9, '0')"
            f" as _position from (select *, {following} from {versions} semi join {created} using ({key}))"
            f" where _op <> 'd' and \"_op \" = 'c' and \"_position \" in (select _position from {created})",
            "ended",
        )

    def _add_differences(self, draft: ObjectDraft, pulled: TableRead, prefix: str, snapshot_position: Position) -> None:
        """Add the differences between the table as it was read and the state made from the binlog."""
        state_sql = self._state_sql(draft, "true")
        source_sql = pulled.relation
        columns = {column.name: draft.column_types[column.name] for column in pulled.columns}
        if state_sql is None:
            rows = f"select *, 'c' as _op from {source_sql}"
        else:
            lake_columns = [
                row[0] for row in run_sql(self.connection, f"describe select * from {state_sql}").fetchall()
            ]
            rows = row_changes_sql(
                read=source_sql, state=state_sql, key=self.table.key, columns=columns, state_columns=lake_columns
            )
        self._add_rows(
            draft,
            f"select *, {_timestamp_literal(pulled.read_at)} as _changed_at,"
            f" {literal(prefix + position_suffix(snapshot_position, READ_FROM_TABLE))}"
            f" || lpad(cast(row_number() over () as varchar), 10, '0') as _position from ({rows})",
            "differences",
        )

    def _state_sql(self, draft: ObjectDraft, condition: str) -> str | None:
        """SQL of the current rows from the lake plus the rows read so far."""
        objects = self._local_state_objects(draft)
        if not objects and not draft.files:
            return None
        rows = object_rows(objects, draft.column_types, files=draft.files)
        return latest_rows(f"(select * from {rows} where {condition})", self.table.key)

    def _local_state_objects(self, draft: ObjectDraft) -> list[RawObject]:
        """The objects that make up the state, as verified local copies: rows read from them are written again."""
        return state_objects(LocalCopies(self.lake.objects, self.folder).state_with_copies(draft.days_in_lake))

    def _add_rows(self, draft: ObjectDraft, rows: str, name: str) -> bool:
        """Write more rows to a local file; return whether there are any."""
        path = self.folder / f"{name}.parquet"
        row_columns = {row[0] for row in run_sql(self.connection, f"describe {rows}").fetchall()}
        # cast each column: DuckDB unites BIGINT and BIGINT UNSIGNED to HUGEINT, and writes that to Parquet as a float
        cast = ", ".join(
            f"cast({quoted(column)} as {kind}) as {quoted(column)}"
            for column, kind in draft.column_types.items()
            if column in row_columns
        )
        typed_rows = f"select * replace ({cast}) from ({rows})" if cast else rows
        run_sql(self.connection, f"copy ({typed_rows}) to {literal(str(path))} (format parquet, compression lz4)")
        counts = run_sql(self.connection, f"select _op, count(*) from {raw_rows([str(path)])} group by all").fetchall()
        for operation, count in counts:
            draft.added[operation] = draft.added.get(operation, 0) + count
        draft.files.extend([path] if counts else [])
        return bool(counts)


def rows_after_changes(days_in_lake: Mapping[date, RawObject], added: Mapping[str, int]) -> int | None:
    """Rows at the end of a day: those before it, plus creates, less deletes; ``None`` when those before are unknown."""
    previous = [item.state.table_rows for item in days_in_lake.values() if item.state.is_observed][-1:]
    if not previous or previous[0] is None:
        return None
    return previous[0] + added.get("c", 0) - added.get("d", 0)


def add_counts(first: Mapping[str, int], second: Mapping[str, int]) -> dict[str, int]:
    """Add up the counts of two ingest runs."""
    return {name: first.get(name, 0) + second.get(name, 0) for name in sorted({*first, *second})}


def _timestamp_literal(instant: datetime) -> str:
    return f"timestamptz {literal(instant.isoformat())}"
