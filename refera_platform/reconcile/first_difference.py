"""First difference: the first row that differs between source and lake, among a few rows. ``values`` narrows them.

MySQL condition + SQL of the same rows in the lake ──▶ first_difference() ──▶ Difference: key, column, both values
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refera_platform.duckdb_session.quoting import literal, quoted
from refera_platform.lake.lake import run_sql
from refera_platform.reconcile.hashed_rows import HashedRows
from refera_platform.source.checksum import TOKEN_COLUMN
from refera_platform.source.connection import Source

MAX_SHOWN_CHARACTERS = 60
"""Characters of a value that are shown."""
NO_DIFFERING_ROW = "The checksums differ and no single row does: run `refera verify`"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A row that differs, as sentences without their full stop."""

    without_values_text: str
    """Its key, and the columns."""
    with_values_text: str
    """The same with both values of the first column."""
    column_names_text: str
    """The same with names of key and columns only: the value of a key is a value of its row, too."""

    @classmethod
    def without_values(cls, text: str, column_names_text: str) -> "Difference":
        """Make one for a row without a pair of values to show."""
        return cls(without_values_text=text, with_values_text=text, column_names_text=column_names_text)


def first_difference(source: Source, hashed_rows: HashedRows, lake_rows: str, where: str, folder: Path) -> Difference:
    """Find the first row that differs, in the order of the key.

    Args:
        source: A session inside the snapshot.
        hashed_rows: The lake's rows.
        lake_rows: SQL of the lake's rows to search.
        where: MySQL condition of the same rows.
        folder: Local folder.
    """
    checksums, connection = hashed_rows.checksums, source.connection
    statement, columns = checksums.server_rows(where)
    path = folder / "source-hashes.parquet"
    source.stream_select(statement, columns, path)
    key, numbers = [each.name for each in checksums.key], checksums.names
    # group by token and count: a row can occur twice, or a part of its key can be hashed
    selected = ", ".join(
        [
            quoted(TOKEN_COLUMN),
            *(f"any_value({quoted(name)}) as {quoted(name)}" for name in key),
            "count(*) as n",
            *(f"sum({quoted(name)}) as {quoted(name)}" for name in numbers),
        ]
    )
    source_sql = f"(select {selected} from read_parquet({literal(str(path))}) group by 1)"
    lake_sql = f"(select {selected} from {lake_rows} group by 1)"
    differs = [f"now.{quoted(name)} is distinct from was.{quoted(name)}" for name in numbers]
    order = ", ".join(f"coalesce(now.{quoted(name)}, was.{quoted(name)})" for name in [*key, TOKEN_COLUMN])
    row = run_sql(
        connection,
        f"select {order}, coalesce(now.n, 0), coalesce(was.n, 0), {', '.join(differs)} from {source_sql} as now"
        f" full join {lake_sql} as was using ({quoted(TOKEN_COLUMN)})"
        f" where now.n is distinct from was.n or {' or '.join(differs)} order by {order} limit 1",
    ).fetchone()
    if row is None:
        return Difference.without_values(NO_DIFFERING_ROW, NO_DIFFERING_ROW)
    width = len(key)
    key_text = ", ".join(f"{name}={display_value(value)}" for name, value in zip(key, row[:width], strict=True))
    key_text = key_text or "A row, whose key is hashed"
    key_names = f"a row, found by {', '.join(key)}" if key else key_text
    token, source_count, lake_count, *differing = row[width:]
    if source_count != lake_count:
        return Difference.without_values(
            _count_sentence(key_text, source_count, lake_count), _count_sentence(key_names, source_count, lake_count)
        )
    names = [each.name for each, is_differing in zip(checksums.columns, differing, strict=True) if is_differing]
    if source_count > 1:
        return Difference.without_values(f"{key_text}: {names[0]} differs", f"{key_names}: {names[0]} differs")
    source.stream_select(checksums.server_values(where, token), checksums.columns, path)
    source_row = run_sql(connection, f"select * from read_parquet({literal(str(path))})").fetchone() or ()
    index = [each.name for each in checksums.columns].index(names[0])
    lake_value = hashed_rows.row_values(token)[index]
    others = f", and {', '.join(names[1:])} differ too" if names[1:] else ""
    source_value = display_value(source_row[index]) if source_row else "gone"
    values_text = f"is {source_value} in the source and {display_value(lake_value)} in the lake"
    return Difference(
        without_values_text=f"{key_text}: {names[0]} differs{others}",
        with_values_text=f"{key_text}: {names[0]} {values_text}{others}",
        column_names_text=f"{key_names}: {names[0]} differs{others}",
    )


def _count_sentence(key_text: str, source_count: int, lake_count: int) -> str:
    if not lake_count:
        return f"{key_text} is only in the source"
    if not source_count:
        return f"{key_text} is only in the lake"
    return f"{key_text} exists {source_count} times in the source and {lake_count} times in the lake"


def display_value(value: Any) -> str:
    """A value as a person reads it, cut when it is long."""
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        text = f"0x{value[:MAX_SHOWN_CHARACTERS].hex()}"
    else:
        text = repr(value[: MAX_SHOWN_CHARACTERS + 1]) if isinstance(value, str) else str(value)
    return text if len(text) <= MAX_SHOWN_CHARACTERS else f"{text[:MAX_SHOWN_CHARACTERS]}…"
