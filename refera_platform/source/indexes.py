"""Indexes of a schema: which columns identify a row, and which the server can look up.

Read from ``information_schema.statistics``, the only catalogue table about keys that an account with nothing but SELECT
can see on both kinds of server.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from refera_platform.source.mysql.server import Ask
from refera_platform.source.types import mysql_literal

PRIMARY_INDEX = "PRIMARY"


@dataclass(frozen=True, kw_only=True)
class Index:
    """One index of a table."""

    name: str
    columns: tuple[str, ...]
    """In the order of the index; an expression is an empty name."""
    is_unique: bool
    """Whether these columns identify a row: unique, not on prefixes of values, and NOT NULL."""


def read_indexes(ask: Ask, schema: str) -> dict[str, list[Index]]:
    """The indexes of each visible table of a schema, primary key first."""
    rows = ask(
        "select table_name, index_name, non_unique, column_name, sub_part, nullable from information_schema.statistics"
        f" where table_schema = {mysql_literal(schema)} order by table_name, index_name, seq_in_index"
    )
    parts: dict[tuple[str, str], list[Sequence[object]]] = {}
    for table, name, *part in rows:
        parts.setdefault((str(table), str(name)), []).append(part)
    indexes_by_table: dict[str, list[Index]] = {}
    for (table, name), columns in parts.items():
        is_unique = all(
            not int(str(non_unique)) and column and length is None and nullable != "YES"
            for non_unique, column, length, nullable in columns
        )
        indexes_by_table.setdefault(table, []).append(
            Index(name=name, columns=tuple(str(each[1] or "") for each in columns), is_unique=is_unique)
        )
    for table_indexes in indexes_by_table.values():
        table_indexes.sort(key=lambda index: (index.name != PRIMARY_INDEX, len(index.columns), index.name))
    return indexes_by_table
