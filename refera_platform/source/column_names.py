"""Identity of column names: MySQL distinguishes them by letters and accents, but never by case.

    `Amount` = `amount`, `É` = `é`, `é` ≠ `e`        (MariaDB 10.11's answers for the first 65,536 letters)

Names from the server's catalogue, the binlog, a declaration or an object of the lake are compared here. Names are
written with the table's current spelling.
"""

from collections.abc import Collection, Iterable
from dataclasses import replace
from functools import lru_cache
from unicodedata import ucd_3_2_0

from refera_platform.source.table import SourceTable


@lru_cache(maxsize=4096)
def name_identity(name: str) -> str:
    """A text that is equal for two spellings of one column, and different for two columns."""
    return "".join(map(_lower, name))


def _lower(letter: str) -> str:
    """Lower case of one letter, as the server has it; letters newer than its tables (Unicode 3.2) have no case."""
    lower = letter.lower()[0]
    return lower if ucd_3_2_0.category(letter) != "Cn" and ucd_3_2_0.category(lower) != "Cn" else letter


def is_among(name: str, names: Collection[str]) -> bool:
    """Whether ``name`` is one of ``names``, in any spelling."""
    return name_identity(name) in {name_identity(each) for each in names}


def as_spelled(table: SourceTable, columns: Iterable[str]) -> SourceTable:
    """The declaration with each column spelled as in the table; a column that the table lacks stays as declared.

    Args:
        table: The declaration.
        columns: Names of the table's columns.
    """
    spelling = {name_identity(name): name for name in columns}

    def current_spelling(name: str) -> str:
        return spelling.get(name_identity(name), name)

    return replace(
        table,
        key=tuple(map(current_spelling, table.key)),
        private=frozenset(map(current_spelling, table.private)),
        hashed=frozenset(map(current_spelling, table.hashed)),
        amount=tuple(map(current_spelling, table.amount)),
        cursor=current_spelling(table.cursor) if table.cursor else "",
    )
