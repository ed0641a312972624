"""Key values that recognise no row: NULL, and dates that no calendar has, which the lake would hold as NULL.

Refused by a read of the table (``pull``) and by the binlog's rows (``log.rows``) alike: two such keys would be one row.
"""

from collections.abc import Mapping

from refera_platform.errors import SourceError
from refera_platform.source.column_names import is_among
from refera_platform.source.table import SourceTable


def ambiguous_key_error(table: SourceTable, column: str, dates: int) -> SourceError:
    """The error about rows of the binlog whose key cannot be told from others.

    Args:
        table: Whose rows they are.
        column: The column of its key.
        dates: How many of its values are dates that no calendar has; without any, they are NULL.
    """
    value_kind = "a date that no calendar has (zero or partial)" if dates else "NULL"
    return SourceError(
        f"Table {table.address} has changed rows whose key column {column} is {value_kind}, so they cannot be told"
        " apart:",
        f"correct them at the source, then `refera resnapshot {table.address}`; or declare a key without {column}.",
    )


def require_valid_key_dates(table: SourceTable, quirks: Mapping[str, int]) -> None:
    """Stop before a table is read whose key has dates that no calendar has.

    Args:
        table: What is read.
        quirks: Values that would be kept as NULL, by column.

    Raises:
        SourceError: naming the column of the key.
    """
    for column, count in quirks.items():
        if count and is_among(column, table.key):
            raise SourceError(
                f"Table {table.address} has {count} rows whose key column {column} is a date that no calendar has (zero"
                " or partial), so they cannot be told apart:",
                f"correct them at the source, or declare a key without {column}.",
            )
