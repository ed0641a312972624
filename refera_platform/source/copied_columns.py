"""Rule for which columns are copied: the same for snapshot, binlog, comparison and checks of a table.

SourceColumn + SourceTable ──▶ is_copied()     (``Source.columns`` applies it to all columns of a table)
"""

from collections.abc import Iterable

from refera_platform.source.column_names import is_among
from refera_platform.source.table import SourceTable, Strategy
from refera_platform.source.types import SourceColumn


def is_copied(column: SourceColumn, table: SourceTable) -> bool:
    """Whether the column is copied to the lake.

    Private columns are not. Generated columns of a table with strategy ``log`` are not, because MariaDB 11.8 leaves
    them out of the row images of updates and deletes; the rule is the same on all servers, so that the lake does not
    depend on the server. Key columns are copied even if generated, because they identify the row.
    """
    if is_among(column.name, table.private):
        return False
    return not (column.is_generated and table.strategy is Strategy.LOG) or is_among(column.name, table.key)


def uncopied_generated_columns(columns: Iterable[SourceColumn], table: SourceTable) -> tuple[str, ...]:
    """Names of the columns that are not copied because the server generates them."""
    return tuple(
        column.name
        for column in columns
        if column.is_generated and not is_among(column.name, table.private) and not is_copied(column, table)
    )
