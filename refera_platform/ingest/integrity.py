"""Integrity checks of an ingest run: the source is the same server as before, and the committed rows add up.

Compares no values of rows: ``reconcile`` does.
"""

from collections.abc import Collection, Mapping
from datetime import date

import duckdb

from refera_platform.errors import LakeError
from refera_platform.lake.lake import RawObject, current_state, raw_rows, run_sql, state_objects
from refera_platform.lake.object_state import RawState
from refera_platform.source.connection import ServerIdentity
from refera_platform.source.table import SourceTable


def require_same_server(identity: ServerIdentity, table: SourceTable, newest: RawState | None) -> None:
    """Require that the source is the server that the table's rows in the lake come from.

    Raises:
        LakeError: when another server answers at its address.
    """
    if newest and (newest.server, newest.schema) != (identity.server, identity.schema):
        raise LakeError(
            f"{table.address} was captured from {newest.server}/{newest.schema} until {newest.day}, and now"
            f" {identity.server}/{identity.schema} answers at its address:",
            f"point the URL back, or take a new snapshot from the new server: refera resnapshot {table.address}",
        )


def count_lake_rows(
    connection: duckdb.DuckDBPyConnection,
    table: SourceTable,
    days_in_lake: Mapping[date, RawObject],
    written_days: Collection[date],
    source_rows: int | None = None,
) -> tuple[int, int]:
    """Count the rows of the lake's current state, and the duplicates among the raw rows.

    The rows are counted in the store only when the newest object has no row count in its state, or when that count is
    not the source's. So the cost of a day does not grow with the table.

    Args:
        connection: Session that reads the lake.
        table: The table.
        days_in_lake: Its days in the lake.
        written_days: The days that may have changed; positions of different days never collide.
        source_rows: Rows of the source at the same position; ``None`` when unknown.

    Returns:
        Rows of the current state, and raw rows of the written days whose ``_position`` is not unique.
    """
    state_sql = current_state(table, days_in_lake)
    if state_sql is None:
        return 0, 0
    rows, duplicate_rows = state_objects(days_in_lake)[-1].state.table_rows, 0
    if rows is None or (source_rows is not None and rows != source_rows):
        # (arg_max would need no join, and its states cannot spill: it ran out of memory at 2 million keys in 200 MB)
        answer = run_sql(connection, f"select count(*) from {state_sql}").fetchone()
        rows = int(answer[0]) if answer else 0
    for day in written_days:
        written_rows = raw_rows([days_in_lake[day].stored.url])
        duplicate_count = run_sql(
            connection, f"select count(*) - count(distinct _position) from {written_rows}"
        ).fetchone()
        duplicate_rows += int(duplicate_count[0]) if duplicate_count else 0
    return rows, duplicate_rows
