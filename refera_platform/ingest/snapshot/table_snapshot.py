"""A table read whole as the new beginning of its history: its rows as they are, and the end of those that are gone."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import duckdb

from refera_platform.duckdb_session.quoting import literal, quoted
from refera_platform.ingest.stream.table_changes import READ, position_of, position_prefix
from refera_platform.lake.lake import RawObject, current_state, raw_rows, run
from refera_platform.lake.object_state import RawState
from refera_platform.source.mysql.binlog.position import Position
from refera_platform.source.mysql.snapshot import Pulled
from refera_platform.source.table import SourceTable


def baseline_rows(
    connection: duckdb.DuckDBPyConnection,
    table: SourceTable,
    known: Mapping[date, RawObject],
    state: RawState,
    read: Pulled,
    cut: Position,
    folder: Path,
) -> tuple[str, dict[str, int]]:
    """SQL of the rows of a baseline with the contract's columns, and how many there are by ``_op``.

    Args:
        connection: Session that reads the lake.
        table: Whose baseline it is.
        known: Its captured days.
        state: State of the object that gets the rows; its ``baseline`` is in their positions.
        read: The table as it was at ``cut``.
        cut: The place in the log that the table was read at.
        folder: Local folder.
    """
    now = read.relation
    columns = ", ".join(f"cast({quoted(name)} as {kind}) as {quoted(name)}" for name, kind in state.columns.items())
    rows = f"select {columns}, 'r' as _op from {now}"
    there = current_state(table, known, state.columns)
    counts = {"r": read.rows} if read.rows else {}
    if there is not None:
        match = " and ".join(f"was.{quoted(name)} = now.{quoted(name)}" for name in table.key)
        gone = folder / "gone.parquet"
        rest = f"select was.* exclude (_op, _changed_at, _position), 'd' as _op from {there} as was"
        run(
            connection,
            f"copy ({rest} anti join {now} as now on {match}) to {literal(str(gone))}"
            " (format parquet, compression lz4)",
        )
        answer = run(connection, f"select count(*) from {raw_rows([str(gone)])}").fetchone()
        if answer and answer[0]:
            counts["d"] = int(answer[0])
            # what is gone comes first: of a key typed another way now the newest change is the row that is there
            rows = f"({rows} limit 0) union all by name from {raw_rows([str(gone)])} union all by name {rows}"
    place = position_prefix(state.day, state.baseline) + position_of(cut, READ)
    return (
        f"select *, timestamptz {literal(read.read_at.isoformat())} as _changed_at, {literal(place)}"
        f" || lpad(cast(row_number() over () as varchar), 10, '0') as _position from ({rows})",
        counts,
    )
