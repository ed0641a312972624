"""Errors about key values that identify no row: NULL, and invalid dates, which the lake would store as NULL.

The snapshot reader and the binlog's row decoder both refuse them: two such keys would become one row.
"""

from collections.abc import Mapping

from refera_platform.errors import SourceError
from refera_platform.source.column_names import is_among
from refera_platform.source.table import SourceTable


def ambiguous_key_error(table: SourceTable, column: str, dates: int) -> SourceError:
    """The error about rows in the binlog whose key does not identify them.

    Args:
        table: Table of the rows.
        column: The key column.
        dates: Number of its values that are invalid dates; 0 when the values are NULL.
    """
    value_kind = "a date that no calendar has (zero or partial)" if dates else "NULL"
    return SourceError(
        f"Table {table.address} has changed rows whose key column {column} is {value_kind}, so they cannot be told"
        " apart:",
        f"correct them at the source, then `refera resnapshot {table.address}`; or declare a key without {column}.",
    )


def require_valid_key_dates(table: SourceTable, quirks: Mapping[str, int]) -> None:
    """Stop before a table is read whose key holds invalid dates.

    Args:
        table: The table to read.
        quirks: By column, how many values would be kept as NULL.

    Raises:
        SourceError: naming the key column.
    """
    for column, count in quirks.items():
        if count and is_among(column, table.key):
            raise SourceError(
                f"Table {table.address} has {count} rows whose key column {column} is a date that no calendar has (zero"
                " or partial), so they cannot be told apart:",
                f"correct them at the source, or declare a key without {column}.",
            )
