"""Query-based ingestion of one table: reads rows by SQL, compares them with the lake's state, writes the changes.

    source ──read──▶ local file ──compare with the lake's state──▶ changes ──▶ day=… (one atomic PUT)

``compare`` and ``snapshot`` read the whole table, ``cursor`` the rows past its cursor; ``ingest.stream`` does ``log``.
A run can be repeated at any time: it starts from the committed state, so no row is doubled or lost.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from refera_platform.clock import Clock
from refera_platform.duckdb_session.quoting import literal
from refera_platform.errors import SourceError
from refera_platform.ingest.integrity import count_lake_rows, require_same_server
from refera_platform.ingest.result import IngestedDay, IngestResult
from refera_platform.lake import days as calendar
from refera_platform.lake import layout
from refera_platform.lake.lake import Lake, RawObject, current_state, run_sql, state_objects
from refera_platform.lake.local_copies import LocalCopies
from refera_platform.lake.object_state import RawState
from refera_platform.lake.schema_drift import detect_schema_change, require_continued_types, snapshot_types
from refera_platform.lake.volume import changed_rows_by_day
from refera_platform.lake.writer import contract_rows, run_position_prefix, write_day, write_unseen_days
from refera_platform.reconcile.values import ReconcileInput, reconcile_table
from refera_platform.source.collation import CollationFold, collation_fold, collations_by_column
from refera_platform.source.column_names import is_among
from refera_platform.source.connection import Source
from refera_platform.source.cursor import count_table_rows, cursor_column, read_cursor_reach
from refera_platform.source.mysql.snapshot import TableRead, read_source_table
from refera_platform.source.row_changes import ReadScope, row_changes_sql
from refera_platform.source.table import SourceTable, Strategy


def ingest_table(
    lake: Lake,
    source: Source,
    table: SourceTable,
    requested: Sequence[date],
    clock: Clock,
    folder: Path,
    *,
    is_resnapshot: bool = False,
) -> IngestResult:
    """Fill the newest of the requested days with what the source holds now.

    Args:
        lake: The lake that gets the day.
        source: An open session of the table's database, which can also read the lake.
        table: Table to copy.
        requested: Days, in any order.
        clock: Gives the present.
        folder: Local folder for files of this call alone.
        is_resnapshot: Whether to take a new snapshot, from whichever server: every row of the table is written again,
            and a delete for each row of the lake that the table does not have. It goes to today, and the days since
            the newest one are closed as unobserved.

    Raises:
        DayRefused: when a requested day cannot be filled; nothing was read.
        SourceError: when the source cannot be read as declared.
        LakeError: when the store fails, another server answers, or the schema change is not possible.
        ValueError: for a table whose strategy is ``log``.
    """
    if table.strategy is Strategy.LOG:
        raise ValueError(f"{table.address} is read from the binlog, by StreamIngestRun and not by ingest_table")
    started = time.monotonic()
    table = source.with_current_spelling(table)
    days_in_lake = lake.days(table, source.connection)
    replaces_history = is_resnapshot and bool(days_in_lake)  # a resnapshot belongs to the day on which it is read
    requested_days = calendar.days_after(days_in_lake, clock) if replaces_history else sorted(set(requested))
    plan = calendar.plan_days(table.address, requested_days, days_in_lake, clock)
    observed = [item.state for item in days_in_lake.values() if item.state.is_observed]
    previous = observed[-1] if observed else None
    identity = source.identity()
    if not is_resnapshot:
        require_same_server(identity, table, previous)
    declared = source.columns(table)
    declared_types = {column.name: column.parquet_type for column in declared}
    schema_since = previous.schema_since if previous else ""
    if is_resnapshot:
        columns, schema_since = snapshot_types(observed, declared_types, plan.day_to_fill)
    else:
        columns = require_continued_types(table.address, observed, declared_types)
    is_continued = previous is not None and not is_resnapshot and dict(previous.columns) == columns
    source_read = _read_source(source, table, previous if is_continued else None, folder / "read.parquet", clock)
    if {column.name: column.parquet_type for column in source_read.pulled.columns} != declared_types:
        raise SourceError(
            f"Table {table.address} was altered while it was read:",
            "nothing was written; run it again.",
            is_transient=True,
        )
    state = RawState(
        database=table.database,
        table=table.name,
        day=plan.day_to_fill,
        strategy=table.strategy.value,
        server=identity.server,
        schema=identity.schema,
        start_position=previous.end_position if previous else "",
        end_position=source_read.position,
        read_at=source_read.pulled.read_at.isoformat(),
        columns=columns,
        quirks=source_read.pulled.quirks,
        collations=collations_by_column(declared),
        schema_since=schema_since,
        schema_version=(previous.schema_version + (dict(previous.columns) != columns)) if previous else 1,
    )
    write_unseen_days(lake, source.connection, table, state, plan.unseen_days, folder)
    reading = ReadScope.SNAPSHOT if is_resnapshot else source_read.reading
    state, added, size_bytes = _write_changes(
        lake, source, table, days_in_lake, state, source_read.pulled, reading, folder
    )
    days = lake.days(table, source.connection)
    lake_rows, duplicate_rows = count_lake_rows(source.connection, table, days, (plan.day_to_fill,))
    url = lake.objects.url(layout.raw_object_key(table, plan.day_to_fill))
    is_part = reading is ReadScope.PART
    is_full_snapshot = is_resnapshot or previous is None or table.strategy is Strategy.SNAPSHOT
    reconcile_input = ReconcileInput(
        days=days,
        written_days=[plan.day_to_fill] if added or not is_part else [],
        source_rows=source_read.source_rows,
        is_full_snapshot=is_full_snapshot,
        run_position_prefix=run_position_prefix(state) if is_part else "",
    )
    reconcile_result = reconcile_table(source, table, reconcile_input, folder)
    return IngestResult(
        table=table,
        ingested_days=(IngestedDay(day=plan.day_to_fill, state=state, added=added, size_bytes=size_bytes, url=url),),
        unseen_days=plan.unseen_days,
        unchanged_days=plan.unchanged_days,
        schema_change=detect_schema_change(previous.columns if previous else None, columns),
        changed_rows_by_day=changed_rows_by_day(item.state for day, item in days.items() if day < clock.today()),
        source_rows=source_read.source_rows,
        lake_rows=lake_rows,
        duplicate_rows=duplicate_rows,
        reconcile_result=reconcile_result,
        seconds=time.monotonic() - started,
        days_in_lake=days,
    )


@dataclass(frozen=True, kw_only=True)
class SourceRead:
    """Rows that one strategy took from the source."""

    pulled: TableRead
    reading: ReadScope
    position: str
    """How far the source was read: an instant, or the highest value of the cursor."""
    source_rows: int
    """Rows of the whole table, also when only a part was read."""


def _read_source(source: Source, table: SourceTable, previous: RawState | None, path: Path, clock: Clock) -> SourceRead:
    """Read what the strategy needs; the whole table when there is no ``previous`` state to continue from."""
    if table.strategy is not Strategy.CURSOR:
        pulled = read_source_table(source, table, path, clock)
        rows = pulled.rows if pulled.is_count_consistent else pulled.server_counts[1]
        return SourceRead(pulled=pulled, reading=ReadScope.WHOLE, position=pulled.read_at.isoformat(), source_rows=rows)
    last_position = previous.end_position if previous and previous.strategy == table.strategy.value else ""
    column = cursor_column(table, source.columns(table))
    cursor_range = read_cursor_reach(source, table, column, last_position, clock.now())
    rows = count_table_rows(source, table)
    pulled = read_source_table(source, table, path, clock, where=cursor_range.where)
    return SourceRead(
        pulled=pulled,
        reading=ReadScope.PART if cursor_range.where else ReadScope.WHOLE,
        position=cursor_range.position,
        source_rows=rows,
    )


def _write_changes(
    lake: Lake,
    source: Source,
    table: SourceTable,
    days_in_lake: Mapping[date, RawObject],
    state: RawState,
    pulled: TableRead,
    reading: ReadScope,
    folder: Path,
) -> tuple[RawState, Mapping[str, int], int]:
    """Write the day's object if anything changed; return its state, the counts of added rows, and its size in bytes."""
    connection, existing = source.connection, days_in_lake.get(state.day)
    source_sql = pulled.relation
    state_sql = current_state(table, LocalCopies(lake.objects, folder).state_with_copies(days_in_lake), state.columns)
    added: dict[str, int] = {"r": pulled.rows} if pulled.rows else {}
    rows, op = source_sql, "'r'"
    if state_sql is not None:
        changes = folder / "changes.parquet"
        changes_sql = row_changes_sql(
            read=source_sql,
            state=state_sql,
            key=table.key,
            columns=state.columns,
            state_columns=_columns_in_lake(days_in_lake, state.columns),
            scope=reading,
            folds=_key_folds(table, state),
        )
        run_sql(connection, f"copy ({changes_sql}) to {literal(str(changes))} (format parquet, compression lz4)")
        changed = f"read_parquet({literal(str(changes))})"
        counts = dict(run_sql(connection, f"select _op, count(*) from {changed} group by all").fetchall())
        is_same = (
            existing is not None
            and existing.state.is_observed
            and _columns_and_collations(existing.state) == _columns_and_collations(state)
        )
        if existing and is_same and not counts and reading is not ReadScope.SNAPSHOT:
            return existing.state, {}, existing.stored.size_bytes
        if table.strategy is not Strategy.SNAPSHOT:
            rows, op, added = changed, "_op", counts
    is_extension = existing is not None and table.strategy is not Strategy.SNAPSHOT
    if existing:
        existing_rows = existing.state.rows if is_extension else {}
        total = {name: existing_rows.get(name, 0) + added.get(name, 0) for name in sorted({*existing_rows, *added})}
        state = replace(
            state, passes=existing.state.passes + 1, rows=total, start_position=existing.state.start_position
        )
    else:
        state = replace(state, rows=dict(added))
    is_whole = state_sql is None or table.strategy is Strategy.SNAPSHOT or reading is ReadScope.SNAPSHOT
    state = replace(state, is_whole=is_whole or bool(existing and is_extension and existing.state.is_whole))
    # the change time of a row is that of the read; the position of a cursor is no instant
    dated = replace(state, end_position=pulled.read_at.isoformat())
    stored = write_day(
        lake,
        connection,
        table,
        state,
        contract_rows(rows, dated, op=op),
        existing=existing.stored if existing else None,
        is_extension=is_extension,
        folder=folder,
    )
    return state, added, stored.size_bytes


def _key_folds(table: SourceTable, state: RawState) -> dict[str, CollationFold]:
    """How the source's collations compare the texts of a key."""
    return {name: collation_fold(state.collations[name]) for name in table.key if name in state.collations}


def _columns_and_collations(state: RawState) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Columns and collations in an object's state."""
    return state.columns, state.collations


def _columns_in_lake(days_in_lake: Mapping[date, RawObject], columns: Mapping[str, str]) -> list[str]:
    """Columns of the objects that make up the lake's state, as they are spelled now."""
    lake_columns = [name for item in state_objects(days_in_lake) for name in item.state.columns]
    return [name for name in columns if is_among(name, lake_columns)]
