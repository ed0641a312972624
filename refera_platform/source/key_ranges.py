"""A large table in pieces by its key: conditions of which every row fulfils exactly one.

Source + table ──▶ bounds() ──▶ the keys at which one piece ends ──▶ condition(n) of each piece

The keys are found by walking the primary key's index, so that pieces have the same number of rows however unevenly
the keys are spread.
"""

import re
from collections.abc import Sequence

from refera_platform.errors import SourceError
from refera_platform.source.connection import Source
from refera_platform.source.table import SourceTable
from refera_platform.source.types import BINARY_TYPES, INTEGER_TYPES, SourceColumn, backticked

KeyBound = tuple[str, ...]
"""The key of the last row of a piece, as the text of each of its columns; of binary ones as hexadecimal digits."""
NUMBER_PATTERN = re.compile(r"-?\d+(\.\d+)?")
NUMERIC_KEY_TYPES = frozenset({*INTEGER_TYPES, "decimal", "year"})
TEMPORAL_KEY_TYPES = frozenset({"date", "datetime", "timestamp"})
TEXT_KEY_TYPES = frozenset({"char", "varchar"})
HEX_PATTERN = re.compile(r"([0-9A-F]{2})*")
BINARY_KEY_TYPES = BINARY_TYPES & {"binary", "varbinary"}


def is_splittable(table: SourceTable, columns: Sequence[SourceColumn]) -> bool:
    """Whether the server sorts every column of the key as it compares it; an ENUM, for one, it does not.

    A hashed key is not to be divided either: its values, written down as bounds, would be in the clear.
    """
    if table.hashed & set(table.key):
        return False
    kinds = {column.name: column.data_type for column in columns}
    return all(
        kinds[name] in NUMERIC_KEY_TYPES | TEMPORAL_KEY_TYPES | TEXT_KEY_TYPES | BINARY_KEY_TYPES for name in table.key
    )


def average_row_bytes(source: Source, table: SourceTable) -> int:
    """Bytes of a row on average, as the server guesses; never less than one."""
    answer = source.ask(
        "select cast(coalesce(avg_row_length, 0) as signed) from information_schema.tables"
        f" where table_schema = database() and table_name = {_text_literal(table.name)}"
    )
    return max(int(answer[0][0]) if answer else 0, 1)


def chunk_bounds(source: Source, table: SourceTable, columns: Sequence[SourceColumn], rows_each: int) -> list[KeyBound]:
    """The key at which each piece but the last one ends; one piece less than there are bounds has ``rows_each`` rows.

    Args:
        source: An open session of the table's database, in a snapshot when the table must stand still.
        table: A table that can be split.
        columns: Its columns.
        rows_each: Rows of a piece.
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
        if bounds and bound == bounds[-1]:  # keys that only differ where the server sees no difference
            return bounds
        bounds.append(bound)


def chunk_condition(table: SourceTable, columns: Sequence[SourceColumn], bounds: Sequence[KeyBound], chunk: int) -> str:
    """The MySQL condition of the rows of one piece.

    Args:
        table: Which table.
        columns: Its columns.
        bounds: Where its pieces end.
        chunk: Its number, from 0 to as many as there are bounds.

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
    """Keys behind a bound: written out, since the server finds no index for a comparison of whole rows."""
    return _bound_comparison(kinds, bound, last=">")


def _until_bound(kinds: dict[str, str], bound: KeyBound) -> str:
    return _bound_comparison(kinds, bound, last="<=")


def _bound_comparison(kinds: dict[str, str], bound: KeyBound, last: str) -> str:
    if len(bound) != len(kinds):
        raise SourceError(f"A piece ends at {len(bound)} values where the key has {len(kinds)} columns.")
    columns = [backticked(name) for name in kinds]
    values = [_literal(kind, value) for kind, value in zip(kinds.values(), bound, strict=True)]
    alternatives = []
    for index, (column, value) in enumerate(zip(columns, values, strict=True)):
        same = [f"{columns[earlier]} = {values[earlier]}" for earlier in range(index)]
        sign = last if index == len(columns) - 1 else last[0]
        alternatives.append(f"({' and '.join([*same, f'{column} {sign} {value}'])})")
    return " or ".join(alternatives)


def _literal(kind: str, value: str) -> str:
    """A value as the server compares it with its column: in the column's own collation."""
    if kind in NUMERIC_KEY_TYPES:
        if not NUMBER_PATTERN.fullmatch(value):
            raise SourceError(
                f"{value!r} is no number, and cannot be where a piece ends.",
                public_problem="Where a piece ends is not a number.",
            )
        return value
    if kind in BINARY_KEY_TYPES:
        if not HEX_PATTERN.fullmatch(value):
            raise SourceError("Where a piece ends is not written in hexadecimal digits.")
        return f"x'{value}'"
    return _text_literal(value)


def _text_literal(value: str) -> str:
    return f"_utf8mb4 x'{value.encode().hex()}'"
