"""Key ranges: splits a large table into chunks by its key, with one SQL condition for each chunk.

Every row is in exactly one chunk. The bounds are found along the index of the primary key, so chunks have equal numbers
of rows however unevenly the keys are spread. Reads no rows: ``ingest.snapshot`` does, a chunk at a time.

    Source + table ──▶ chunk_bounds() ──▶ last key of each chunk ──▶ chunk_condition(n)
"""

import re
from collections.abc import Sequence

from refera_platform.errors import SourceError
from refera_platform.source.connection import Source
from refera_platform.source.table import SourceTable
from refera_platform.source.types import BINARY_TYPES, INTEGER_TYPES, SourceColumn, backticked

KeyBound = tuple[str, ...]
"""Key of the last row of a chunk, as the text of each column; binary columns as hexadecimal digits."""
NUMBER_PATTERN = re.compile(r"-?\d+(\.\d+)?")
NUMERIC_KEY_TYPES = frozenset({*INTEGER_TYPES, "decimal", "year"})
TEMPORAL_KEY_TYPES = frozenset({"date", "datetime", "timestamp"})
TEXT_KEY_TYPES = frozenset({"char", "varchar"})
HEX_PATTERN = re.compile(r"([0-9A-F]{2})*")
BINARY_KEY_TYPES = BINARY_TYPES & {"binary", "varbinary"}


def is_splittable(table: SourceTable, columns: Sequence[SourceColumn]) -> bool:
    """Whether the server sorts every key column in the order in which it compares it; an ENUM, for example, not.

    A hashed key cannot be split either: the bounds would store its values unhashed.
    """
    if table.hashed & set(table.key):
        return False
    kinds = {column.name: column.data_type for column in columns}
    return all(
        kinds[name] in NUMERIC_KEY_TYPES | TEMPORAL_KEY_TYPES | TEXT_KEY_TYPES | BINARY_KEY_TYPES for name in table.key
    )


def average_row_bytes(source: Source, table: SourceTable) -> int:
    """Average bytes of a row, as the server estimates it; at least 1."""
    answer = source.ask(
        "select cast(coalesce(avg_row_length, 0) as signed) from information_schema.tables"
        f" where table_schema = database() and table_name = {_text_literal(table.name)}"
    )
    return max(int(answer[0][0]) if answer else 0, 1)


def chunk_bounds(source: Source, table: SourceTable, columns: Sequence[SourceColumn], rows_each: int) -> list[KeyBound]:
    """Find the key at which each chunk but the last one ends; each of these chunks has ``rows_each`` rows.

    Args:
        source: An open session of the table's database; in a snapshot when the rows must not change meanwhile.
        table: A table that can be split.
        columns: Its columns.
        rows_each: Rows of a chunk.
    """
    kinds = _key_types(table, columns)
    select_list = ", ".join(_bound_text_sql(name, kind) for name, kind in kinds.items())
    order = ", ".join(backticked(name) for name in kinds)
    bounds: list[KeyBound] = []
    while True:
        condition = f" where {_after_bound(kinds, bounds[-1])}" if bounds else ""
        rows = source.ask(
            f"select {select_list} from {backticked(table.name)}{condition} order by {order} limit 1 offset"
            f" {rows_each - 1}"
        )
        if not rows:
            return bounds
        bound = tuple(str(value) for value in rows[0])
        if bounds and bound == bounds[-1]:  # keys that differ, but not by the server's comparison
            return bounds
        bounds.append(bound)


def chunk_condition(table: SourceTable, columns: Sequence[SourceColumn], bounds: Sequence[KeyBound], chunk: int) -> str:
    """The MySQL condition of the rows of one chunk.

    Args:
        table: The table.
        columns: Its columns.
        bounds: Keys at which chunks end.
        chunk: Index of the chunk, from 0 to ``len(bounds)``.

    Raises:
        SourceError: for a bound that is no key of the table.
    """
    kinds = _key_types(table, columns)
    parts = []
    if chunk:
        parts.append(f"({_after_bound(kinds, bounds[chunk - 1])})")
    if chunk < len(bounds):
        parts.append(f"({_until_bound(kinds, bounds[chunk])})")
    return " and ".join(parts) or "true"


def _key_types(table: SourceTable, columns: Sequence[SourceColumn]) -> dict[str, str]:
    kinds = {column.name: column.data_type for column in columns}
    return {name: kinds[name] for name in table.key}


def _bound_text_sql(name: str, kind: str) -> str:
    column = backticked(name)
    return (
        f"hex({column})"
        if kind in BINARY_KEY_TYPES
        else column
        if kind in TEXT_KEY_TYPES
        else f"cast({column} as char)"
    )


def _after_bound(kinds: dict[str, str], bound: KeyBound) -> str:
    """Condition of the keys after a bound, column by column: the server uses no index for a comparison of tuples."""
    return _bound_comparison(kinds, bound, last=">")


def _until_bound(kinds: dict[str, str], bound: KeyBound) -> str:
    return _bound_comparison(kinds, bound, last="<=")


def _bound_comparison(kinds: dict[str, str], bound: KeyBound, last: str) -> str:
    if len(bound) != len(kinds):
        raise SourceError(f"A chunk ends at {len(bound)} values where the key has {len(kinds)} columns.")
    columns = [backticked(name) for name in kinds]
    values = [_literal(kind, value) for kind, value in zip(kinds.values(), bound, strict=True)]
    alternatives = []
    for index, (column, value) in enumerate(zip(columns, values, strict=True)):
        same = [f"{columns[earlier]} = {values[earlier]}" for earlier in range(index)]
        sign = last if index == len(columns) - 1 else last[0]
        alternatives.append(f"({' and '.join([*same, f'{column} {sign} {value}'])})")
    return " or ".join(alternatives)


def _literal(kind: str, value: str) -> str:
    """MySQL literal that is compared in the column's own collation."""
    if kind in NUMERIC_KEY_TYPES:
        if not NUMBER_PATTERN.fullmatch(value):
            raise SourceError(
                f"{value!r} is not a number, and cannot be the end of a chunk.",
                public_problem="The end of a chunk is not a number.",
            )
        return value
    if kind in BINARY_KEY_TYPES:
        if not HEX_PATTERN.fullmatch(value):
            raise SourceError("The end of a chunk is not written in hexadecimal digits.")
        return f"x'{value}'"
    return _text_literal(value)


def _text_literal(value: str) -> str:
    return f"_utf8mb4 x'{value.encode().hex()}'"
