"""Rule of which columns of a table are copied: the same for its snapshot, its log, its comparison and its checks.

Column + SourceTable ──▶ is_copied(). Whoever asks for rows takes the columns from ``Source.columns``, which asks this.
"""

from collections.abc import Iterable

from refera_platform.source.column_names import is_among
from refera_platform.source.table import SourceTable, Strategy
from refera_platform.source.types import SourceColumn


def is_copied(column: SourceColumn, table: SourceTable) -> bool:
    """Whether the lake gets the column.

    A private one stays behind, and of a table that is read by the log a generated one, too: MariaDB 11.8 leaves it out
    of the rows of updates and deletes. The rule is the same on servers that do not, so that the lake does not depend
    on which server it was read from. A key is kept, because a row must stay recognisable.
    """
    if is_among(column.name, table.private):
        return False
    return not (column.is_generated and table.strategy is Strategy.LOG) or is_among(column.name, table.key)


def uncopied_generated_columns(columns: Iterable[SourceColumn], table: SourceTable) -> tuple[str, ...]:
    """Names of the columns that stay behind because the server computes them."""
    return tuple(
        column.name
        for column in columns
        if column.is_generated and not is_among(column.name, table.private) and not is_copied(column, table)
    )
