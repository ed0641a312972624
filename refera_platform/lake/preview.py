"""Preview of a few rows for people, without private columns.

object or table ──▶ preview_newest_changes(), preview_rows() ──▶ Preview

A hidden column is never read. Values are text of bounded length: long values and wide tables are cut.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import duckdb

from refera_platform.duckdb_session.quoting import quoted
from refera_platform.lake.lake import RawObject, raw_rows, run_sql
from refera_platform.lake.object_state import OPERATION_NAMES
from refera_platform.source.table import SourceTable

MAX_PREVIEW_ROWS, MAX_PREVIEW_COLUMNS, MAX_PREVIEW_TEXT_CHARACTERS, MAX_PREVIEW_BINARY_BYTES = 10, 40, 40, 12
"""Most rows, columns, characters of a value, and bytes of a binary value that are shown."""


@dataclass(frozen=True, kw_only=True)
class Preview:
    """Some rows as text."""

    columns: tuple[str, ...]
    """Names in order, with those of hidden columns."""
    rows: tuple[tuple[str | None, ...], ...]
    """Values of the columns that are not hidden, in their order; ``None`` is NULL."""
    hidden: frozenset[str] = frozenset()
    omitted_column_count: int = 0
    """Count of columns beyond ``MAX_PREVIEW_COLUMNS``."""


def hidden_columns(table: SourceTable, columns: Collection[str]) -> frozenset[str]:
    """Columns of a table whose values may not be shown; names are compared without case, as the server does."""
    if not table.is_previewed:
        return frozenset(columns)
    secret = {name.casefold() for name in table.private | table.hashed}
    return frozenset(name for name in columns if name.casefold() in secret)


def preview_newest_changes(connection: duckdb.DuckDBPyConnection, table: SourceTable, item: RawObject) -> Preview:
    """The last changes of a day, newest first; only the last rows of its object are read.

    Raises:
        LakeError: when the object cannot be read.
    """
    state = item.state
    if not state.row_count:
        return Preview(columns=(), rows=())
    operation_names = " ".join(f"when '{op}' then '{word}'" for op, word in OPERATION_NAMES.items())
    source = (
        f"(select * replace (case _op {operation_names} end as _op) from"
        f" {raw_rows([item.stored.url], with_number=True)} where file_row_number >="
        f" {state.row_count - MAX_PREVIEW_ROWS})"
    )
    columns = {"_op": "VARCHAR", "_changed_at": "VARCHAR", **state.columns}
    # private columns are not copied, but the preview shows that they exist
    uncopied = {name: "" for name in sorted(table.private) if name not in state.columns}
    hidden = hidden_columns(table, {**state.columns, **uncopied})
    return preview_rows(connection, source, {**columns, **uncopied}, hidden, order="order by _position desc")


def preview_rows(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    columns: Mapping[str, str],
    hidden: Collection[str],
    *,
    order: str = "",
) -> Preview:
    """Preview some rows of a relation.

    Args:
        connection: Session that can read it.
        relation: SQL of the relation.
        columns: DuckDB type of each column, in order.
        hidden: Names of columns that must not be read.
        order: ``order by`` clause.

    Raises:
        LakeError: when the relation cannot be read.
    """
    names = list(columns)[:MAX_PREVIEW_COLUMNS]
    selected = ", ".join(_preview_expression(name, columns[name]) for name in names if name not in hidden) or "1"
    rows = run_sql(connection, f"select {selected} from {relation} {order} limit {MAX_PREVIEW_ROWS}").fetchall()
    return Preview(
        columns=tuple(names),
        rows=tuple(map(tuple, rows)),
        hidden=frozenset(hidden),
        omitted_column_count=len(columns) - len(names),
    )


def _preview_expression(name: str, kind: str) -> str:
    value = quoted(name)
    if kind == "BLOB":
        start, length = f"'0x' || hex({value}[1:{MAX_PREVIEW_BINARY_BYTES}])", f"octet_length({value})"
        return (
            f"{start} || case when {length} > {MAX_PREVIEW_BINARY_BYTES} then '… (' || {length} || ' bytes)'"
            " else '' end"
        )
    text = f"cast({value} as varchar)"
    return (
        f"case when length({text}) > {MAX_PREVIEW_TEXT_CHARACTERS} then left({text},"
        f" {MAX_PREVIEW_TEXT_CHARACTERS}) || '…' else {text} end"
    )
