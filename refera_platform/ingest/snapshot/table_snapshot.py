"""Rows of a snapshot, the initial one or a resnapshot: every row as it was read, and deletes of those that are gone.

Makes SQL only; ``lake.writer`` writes the object.
"""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import duckdb

from refera_platform.duckdb_session.quoting import literal, quoted
from refera_platform.ingest.stream.table_changes import READ_FROM_TABLE, position_prefix, position_suffix
from refera_platform.lake.lake import RawObject, current_state, raw_rows, run_sql
from refera_platform.lake.object_state import RawState
from refera_platform.source.mysql.binlog.position import Position
from refera_platform.source.mysql.snapshot import TableRead
from refera_platform.source.table import SourceTable


def snapshot_rows(
    connection: duckdb.DuckDBPyConnection,
    table: SourceTable,
    days_in_lake: Mapping[date, RawObject],
    state: RawState,
    pulled: TableRead,
    snapshot_position: Position,
    folder: Path,
) -> tuple[str, dict[str, int]]:
    """SQL of the rows of a snapshot with the contract's columns, and their count by ``_op``.

    Args:
        connection: Session that reads the lake.
        table: The table.
        days_in_lake: Its days in the lake.
        state: State of the object that gets the rows; its ``baseline`` is part of their ``_position``.
        pulled: The table as it was at ``snapshot_position``.
        snapshot_position: Binlog position at which the table was read.
        folder: Local folder.
    """
    source_sql = pulled.relation
    columns = ", ".join(f"cast({quoted(name)} as {kind}) as {quoted(name)}" for name, kind in state.columns.items())
    rows = f"select {columns}, 'r' as _op from {source_sql}"
    state_sql = current_state(table, days_in_lake, state.columns)
    counts = {"r": pulled.rows} if pulled.rows else {}
    if state_sql is not None:
        match = " and ".join(f"was.{quoted(name)} = now.{quoted(name)}" for name in table.key)
        deleted_path = folder / "gone.parquet"
        deleted_sql = f"select was.* exclude (_op, _changed_at, _position), 'd' as _op from {state_sql} as was"
        run_sql(
            connection,
            f"copy ({deleted_sql} anti join {source_sql} as now on {match}) to {literal(str(deleted_path))}"
            " (format parquet, compression lz4)",
        )
        answer = run_sql(connection, f"select count(*) from {raw_rows([str(deleted_path)])}").fetchone()
        if answer and answer[0]:
            counts["d"] = int(answer[0])
            # deletes come first: when a key only changed its type, the newest change must be the present row
            rows = f"({rows} limit 0) union all by name from {raw_rows([str(deleted_path)])} union all by name {rows}"
    row_prefix = position_prefix(state.day, state.baseline) + position_suffix(snapshot_position, READ_FROM_TABLE)
    return (
        f"select *, timestamptz {literal(pulled.read_at.isoformat())} as _changed_at, {literal(row_prefix)}"
        f" || lpad(cast(row_number() over () as varchar), 10, '0') as _position from ({rows})",
        counts,
    )
