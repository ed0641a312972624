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
from refera_platform.source.types import BINARIES, INTEGERS, Column, backticked

Bound = tuple[str, ...]
"""The key of the last row of a piece, as the text of each of its columns; of binary ones as hexadecimal digits."""
NUMBER = re.compile(r"-?\d+(\.\d+)?")
NUMBERS = frozenset({*INTEGERS, "decimal", "year"})
TIMES = frozenset({"date", "datetime", "timestamp"})
TEXTS = frozenset({"char", "varchar"})
DIGITS = re.compile(r"([0-9A-F]{2})*")
BYTES = BINARIES & {"binary", "varbinary"}


def can_be_split(table: SourceTable, columns: Sequence[Column]) -> bool:
    """Whether the server sorts every column of the key as it compares it; an ENUM, for one, it does not.

    A hashed key is not to be divided either: its values, written down as bounds, would be in the clear.
    """
    if table.hashed & set(table.key):
        return False
    kinds = {column.name: column.data_type for column in columns}
    return all(kinds[name] in NUMBERS | TIMES | TEXTS | BYTES for name in table.key)


def row_bytes(source: Source, table: SourceTable) -> int:
    """Bytes of a row on average, as the server guesses; never less than one."""
    answer = source.ask(
        "select cast(coalesce(avg_row_length, 0) as signed) from information_schema.tables"
        f" where table_schema = database() and table_name = {_text(table.name)}"
    )
    return max(int(answer[0][0]) if answer else 0, 1)


def bounds(source: Source, table: SourceTable, columns: Sequence[Column], rows_each: int) -> list[Bound]:
    """The key at which each piece but the last one ends; one piece less than there are bounds has ``rows_each`` rows.

    Args:
        source: An open session of the table's database, in a snapshot when the table must stand still.
        table: A table that can be split.
        columns: Its columns.
        rows_each: Rows of a piece.
    """
    kinds = _kinds(table, columns)
    asked = ", ".join(_asked(name, kind) for name, kind in kinds.items())
    order = ", ".join(backticked(name) for name in kinds)
    found: list[Bound] = []
    while True:
        behind = f" where {_beyond(kinds, found[-1])}" if found else ""
        rows = source.ask(
            f"select {asked} from {backticked(table.name)}{behind} order by {order} limit 1 offset {rows_each - 1}"
        )
        if not rows:
            return found
        bound = tuple(str(value) for value in rows[0])
        if found and bound == found[-1]:  # keys that only differ where the server sees no difference
            return found
        found.append(bound)


def condition(table: SourceTable, columns: Sequence[Column], bounds: Sequence[Bound], piece: int) -> str:
    """The MySQL condition of the rows of one piece.

    Args:
        table: Which table.
        columns: Its columns.
        bounds: Where its pieces end.
        piece: Its number, from 0 to as many as there are bounds.

    Raises:
        SourceError: for a bound that is no key of the table.
    """
    kinds = _kinds(table, columns)
    parts = []
    if piece:
        parts.append(f"({_beyond(kinds, bounds[piece - 1])})")
    if piece < len(bounds):
        parts.append(f"({_up_to(kinds, bounds[piece])})")
    return " and ".join(parts) or "true"


def _kinds(table: SourceTable, columns: Sequence[Column]) -> dict[str, str]:
    kinds = {column.name: column.data_type for column in columns}
    return {name: kinds[name] for name in table.key}


def _asked(name: str, kind: str) -> str:
    column = backticked(name)
    return f"hex({column})" if kind in BYTES else column if kind in TEXTS else f"cast({column} as char)"


def _beyond(kinds: dict[str, str], bound: Bound) -> str:
    """Keys behind a bound: written out, since the server finds no index for a comparison of whole rows."""
    return _compared(kinds, bound, last=">")


def _up_to(kinds: dict[str, str], bound: Bound) -> str:
    return _compared(kinds, bound, last="<=")


def _compared(kinds: dict[str, str], bound: Bound, last: str) -> str:
    if len(bound) != len(kinds):
        raise SourceError(f"A piece ends at {len(bound)} values where the key has {len(kinds)} columns.")
    columns = [backticked(name) for name in kinds]
    values = [_literal(kind, value) for kind, value in zip(kinds.values(), bound, strict=True)]
    found = []
    for at, (column, value) in enumerate(zip(columns, values, strict=True)):
        same = [f"{columns[before]} = {values[before]}" for before in range(at)]
        sign = last if at == len(columns) - 1 else last[0]
        found.append(f"({' and '.join([*same, f'{column} {sign} {value}'])})")
    return " or ".join(found)


def _literal(kind: str, value: str) -> str:
    """A value as the server compares it with its column: in the column's own collation."""
    if kind in NUMBERS:
        if not NUMBER.fullmatch(value):
            raise SourceError(
                f"{value!r} is no number, and cannot be where a piece ends.",
                public="Where a piece ends is not a number.",
            )
        return value
    if kind in BYTES:
        if not DIGITS.fullmatch(value):
            raise SourceError("Where a piece ends is not written in hexadecimal digits.")
        return f"x'{value}'"
    return _text(value)


def _text(value: str) -> str:
    return f"_utf8mb4 x'{value.encode().hex()}'"
