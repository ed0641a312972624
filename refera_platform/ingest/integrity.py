"""What every capture proves of itself: the server is the one of before, and what was committed adds up."""

from collections.abc import Collection, Mapping
from datetime import date

import duckdb

from refera_platform.errors import LakeError
from refera_platform.lake.lake import RawObject, current_state, raw_rows, run, state_objects
from refera_platform.lake.object_state import RawState
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


def counted(
    connection: duckdb.DuckDBPyConnection,
    table: SourceTable,
    days: Mapping[date, RawObject],
    written: Collection[date],
    source_rows: int | None = None,
) -> tuple[int, int]:
    """Rows of the lake's current state, and raw rows that are there twice.

    The first are read back from the store, unless the newest object says how many what came and went adds up to: then
    the cost of a day does not grow with the table, and whoever compares the number with the source proves the same. A
    sum that the source does not confirm is doubted, and counted after all.

    Args:
        connection: Session that reads the lake.
        table: Whose days these are.
        days: Its captured days.
        written: Those that may have changed; positions of different days never meet.
        source_rows: Rows of the source at the same moment; ``None`` when nobody knows.
    """
    there = current_state(table, days)
    if there is None:
        return 0, 0
    rows, twice = state_objects(days)[-1].state.table_rows, 0
    if rows is None or (source_rows is not None and rows != source_rows):
        # (arg_max would need no join, and its states cannot spill: it ran out of memory at 2 million keys in 200 MB)
        answer = run(connection, f"select count(*) from {there}").fetchone()
        rows = int(answer[0]) if answer else 0
    for day in written:
        written_rows = raw_rows([days[day].stored.url])
        found = run(connection, f"select count(*) - count(distinct _position) from {written_rows}").fetchone()
        twice += int(found[0]) if found else 0
    return rows, twice
