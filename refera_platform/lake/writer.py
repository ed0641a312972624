"""Writer of one day's object: makes and verifies the file on local disk, then puts it in one atomic request.

The write is idempotent: a day is replaced as a whole, and only while it is the object that was read, so no retry
doubles a row. Never use ``COPY`` onto a published key: on an error DuckDB deletes or truncates the object there.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
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


@dataclass(frozen=True, kw_only=True)
class LakeWriter:
    """Writes day objects; one for each run."""

    lake: Lake
    """The lake that gets the objects."""
    connection: duckdb.DuckDBPyConnection
    """Session that can read the rows to write, and the lake."""
    folder: Path
    """Local folder for the files."""

    def write_day(
        self, table: SourceTable, state: RawState, rows: str, *, existing: StoredObject | None, is_extension: bool
    ) -> StoredObject:
        """Commit the object of ``state.day``; readers see the old one until the new one is whole.

        Args:
            table: Table of the day.
            state: State of the new object; its row counts are verified.
            rows: SQL of the rows to write.
            existing: The day's object when the rows were computed; it must still be the same.
            is_extension: Whether the rows of ``existing`` stay, before the new ones.

        Returns:
            The object as the store has it now.

        Raises:
            OvertakenError: when another run wrote the day meanwhile.
            LakeError: when the file does not hold the expected rows and columns, or the store refuses.
        """
        copies = LocalCopies(self.lake.objects, self.folder)
        existing_path = copies.path_of(existing) if existing and is_extension else ""
        state = replace(state, origin=self._origin(existing_path))
        path = self._write_file(state, self._with_existing_rows(rows, existing_path, state))
        self._verify_file(path, table, state)
        key, size_bytes = layout.raw_object_key(table, state.day), path.stat().st_size
        etag = self.lake.objects.put(key, path, replaces=existing.etag if existing else None)
        path.unlink()
        copies.discard()
        return StoredObject(
            key=key, url=self.lake.objects.url(key), size_bytes=size_bytes, etag=etag, modified_at=datetime.now(UTC)
        )

    def write_unseen_days(self, table: SourceTable, state: RawState, days: Sequence[date]) -> None:
        """Commit an empty object, marked as unobserved, for each day on which the table was not read."""
        for day in days:
            unseen = replace(state, day=day, is_observed=False, quirks={}, end_position=state.start_position)
            self.write_day(table, unseen, empty_rows(unseen), existing=None, is_extension=False)

    def _origin(self, existing_path: str) -> str:
        """Identity of the object, which stays when it is extended."""
        text = read_state_texts(self.connection, [existing_path]).get(existing_path, "") if existing_path else ""
        return RawState.from_json(text, existing_path).origin if text else uuid.uuid4().hex

    def _with_existing_rows(self, rows: str, existing_path: str, state: RawState) -> str:
        if not existing_path:
            return rows
        existing_rows = raw_rows([existing_path])
        selection = selection_keeping_old(self._columns(existing_rows), {**state.columns, **CONTRACT_COLUMNS})
        return f"select {selection} from {existing_rows} union all by name {rows}"

    def _write_file(self, state: RawState, rows: str) -> Path:
        path = self.folder / "part-0.parquet"
        run_sql(
            self.connection,
            f"copy ({rows}) to {literal(str(path))} (format parquet, compression zstd,"
            f" kv_metadata {{{FOOTER_KEY}: {literal(state.to_json())}}})",
        )
        return path

    def _verify_file(self, path: Path, table: SourceTable, state: RawState) -> None:
        """Require that the file holds the rows and the columns that its state says.

        Raises:
            LakeError: when it does not.
        """
        footer = run_sql(
            self.connection, f"select num_rows from parquet_file_metadata({literal(str(path))})"
        ).fetchone()
        written = int(footer[0]) if footer else -1
        if written != state.row_count:
            raise LakeError(
                f"The file for {table.address} day {state.day} holds {written} rows instead of {state.row_count}:",
                "nothing was committed; another run may have written the day meanwhile, so run it again.",
            )
        # the file may have more columns: an earlier run of the day may have had them
        expected = {**state.columns, **CONTRACT_COLUMNS}
        columns = self._columns(raw_rows([str(path)]))
        if {name: columns.get(name) for name in expected} != expected:
            raise LakeError(
                f"The file for {table.address} day {state.day} does not have the columns that it says it has:",
                "nothing was committed; report this with the log of the run.",
            )

    def _columns(self, rows: str) -> dict[str, str]:
        """Type of each column of a relation."""
        described = run_sql(self.connection, f"describe select * from {rows}").fetchall()
        return {name: kind for name, kind, *_ in described}
