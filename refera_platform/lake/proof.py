"""What every capture proves of itself: the server is the one of before, and what was committed adds up."""

import duckdb

from refera_platform.errors import LakeError
from refera_platform.lake.lake import Lake, current_state, raw_rows, run
from refera_platform.lake.state import RawState
from refera_platform.source.connection import Identity
from refera_platform.source.table import SourceTable


def require_same_server(found: Identity, table: SourceTable, newest: RawState | None) -> None:
    """The rows come from the server that the lake has them from.

    Raises:
        LakeError: when another one answers at its address.
    """
    if newest and (newest.server, newest.schema) != (found.server, found.schema):
        raise LakeError(
            f"{table.address} was captured from {newest.server}/{newest.schema} until {newest.day}, and now"
            f" {found.server}/{found.schema} answers at its address:",
            f"point the URL back, or take the new server's rows as a new baseline: refera resnapshot {table.address}",
        )


def counted(lake: Lake, connection: duckdb.DuckDBPyConnection, table: SourceTable) -> tuple[int, int]:
    """Rows of the lake's current state, and raw rows that are there twice, read back from the store."""
    days = lake.days(table, connection)
    there = current_state(table, days)
    if there is None:
        return 0, 0
    rows = raw_rows([item.stored.url for item in days.values()])
    answer = run(
        connection, f"select (select count(*) from {there}), count(*) - count(distinct _position) from {rows}"
    ).fetchone()
    return (int(answer[0]), int(answer[1])) if answer else (0, 0)
