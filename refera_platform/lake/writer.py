"""Writer of one day's object: makes and verifies the file on local disk, then puts it in one atomic request.

The write is idempotent: a day is replaced as a whole, and only while it is the object that was read, so no retry
doubles a row. Never use ``COPY`` onto a published key: on an error DuckDB deletes or truncates the object there.
"""

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb

from refera_platform.duckdb_session.quoting import literal, quoted
from refera_platform.errors import LakeError
from refera_platform.lake import layout
from refera_platform.lake.lake import CONTRACT_COLUMNS, Lake, raw_rows, read_state_texts, run_sql
from refera_platform.lake.local_copies import LocalCopies
from refera_platform.lake.object_state import FOOTER_KEY, RawState
from refera_platform.lake.objects import StoredObject
from refera_platform.lake.schema_evolution import selection_keeping_old
from refera_platform.source.table import SourceTable


def contract_rows(relation: str, state: RawState, *, op: str = "_op") -> str:
    """SQL of the rows of one query-based run with the contract's columns.

    Args:
        relation: Relation with the source's columns, in the order of the key.
        state: State of the object that the rows go to.
        op: SQL of the operation of a row.
    """
    columns = ", ".join(f"cast({quoted(name)} as {kind}) as {quoted(name)}" for name, kind in state.columns.items())
    prefix = run_position_prefix(state)
    return (
        f"select {columns}, {op} as _op, timestamptz {literal(state.end_position)} as _changed_at,"
        f" {literal(prefix)} || lpad(cast(row_number() over () as varchar), 12, '0') as _position from {relation}"
    )


def run_position_prefix(state: RawState) -> str:
    """The first parts of the ``_position`` of each row that the newest run of an object added."""
    return f"{state.day:%Y%m%d}-{state.passes:06d}-"


def empty_rows(state: RawState) -> str:
    """SQL of no rows with the whole schema: a day without changes is an empty object, not a missing one."""
    columns = [f"cast(null as {kind}) as {quoted(name)}" for name, kind in state.columns.items()]
    columns += [f"cast(null as {kind}) as {name}" for name, kind in CONTRACT_COLUMNS.items()]
    return f"select {', '.join(columns)} where false"


def write_day(
    lake: Lake,
    connection: duckdb.DuckDBPyConnection,
    table: SourceTable,
    state: RawState,
    rows: str,
    *,
    existing: StoredObject | None,
    is_extension: bool,
    folder: Path,
) -> StoredObject:
    """Commit the object of ``state.day``; readers see the old one until the new one is whole.

    Args:
        lake: The lake that gets the object.
        connection: Session that can read ``rows`` and the lake.
        table: Table of the day.
        state: State of the new object; its row counts are verified.
        rows: SQL of the rows to write.
        existing: The day's object when the rows were computed; it must still be the same.
        is_extension: Whether the rows of ``existing`` stay, before the new ones.
        folder: Local folder for the file.

    Returns:
        The object as the store has it now.

    Raises:
        OvertakenError: when another run wrote the day meanwhile.
        LakeError: when the file does not hold the expected rows and columns, or the store refuses.
    """
    path, copies = folder / "part-0.parquet", LocalCopies(lake.objects, folder)
    existing_path = copies.path_of(existing) if existing and is_extension else ""
    existing_state = read_state_texts(connection, [existing_path]).get(existing_path, "") if existing_path else ""
    origin = RawState.from_json(existing_state, existing_path).origin if existing_state else uuid.uuid4().hex
    state = replace(state, origin=origin)
    if existing_path:
        existing_rows = raw_rows([existing_path])
        described = run_sql(connection, f"describe select * from {existing_rows}").fetchall()
        selection = selection_keeping_old(
            {name: kind for name, kind, *_ in described}, {**state.columns, **CONTRACT_COLUMNS}
        )
        rows = f"select {selection} from {existing_rows} union all by name {rows}"
    run_sql(
        connection,
        f"copy ({rows}) to {literal(str(path))} (format parquet, compression zstd,"
        f" kv_metadata {{{FOOTER_KEY}: {literal(state.to_json())}}})",
    )
    footer = run_sql(connection, f"select num_rows from parquet_file_metadata({literal(str(path))})").fetchone()
    written = int(footer[0]) if footer else -1
    if written != state.row_count:
        raise LakeError(
            f"The file for {table.address} day {state.day} holds {written} rows instead of {state.row_count}:",
            "nothing was committed; another run may have written the day meanwhile, so run it again.",
        )
    described = run_sql(connection, f"describe select * from {raw_rows([str(path)])}").fetchall()
    file_columns = {name: kind for name, kind, *_ in described}
    if file_columns != {
        **file_columns,
        **state.columns,
        **CONTRACT_COLUMNS,
    }:  # an earlier run of the day may have had more columns
        raise LakeError(
            f"The file for {table.address} day {state.day} does not have the columns that it says it has:",
            "nothing was committed; report this with the log of the run.",
        )
    key, size_bytes = layout.raw_object_key(table, state.day), path.stat().st_size
    etag = lake.objects.put(key, path, replaces=existing.etag if existing else None)
    path.unlink()
    copies.discard()
    return StoredObject(
        key=key, url=lake.objects.url(key), size_bytes=size_bytes, etag=etag, modified_at=datetime.now(UTC)
    )


def write_unseen_days(
    lake: Lake,
    connection: duckdb.DuckDBPyConnection,
    table: SourceTable,
    state: RawState,
    days: Sequence[date],
    folder: Path,
) -> None:
    """Commit an empty object, marked as unobserved, for each day on which the table was not read."""
    for day in days:
        unseen = replace(state, day=day, is_observed=False, quirks={}, end_position=state.start_position)
        write_day(lake, connection, table, unseen, empty_rows(unseen), existing=None, is_extension=False, folder=folder)
