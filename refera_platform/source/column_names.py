"""Identity of column names: MySQL tells them apart by their letters and accents, and never by upper and lower case.

    `Amount` = `amount`, `É` = `é`, `é` ≠ `e`        (as MariaDB 10.11 answered for each letter of the first 65,536)

Whoever matches names of the catalogue, the binlog, a declaration or an object of the lake asks here. What is written is
the spelling that the table has now.
"""

from collections.abc import Collection, Iterable
from dataclasses import replace
from functools import lru_cache
from unicodedata import ucd_3_2_0

from refera_platform.source.table import SourceTable


@lru_cache(maxsize=4096)
def name_identity(name: str) -> str:
    """The text that two spellings of one column have in common, and two columns never."""
    return "".join(map(_lower, name))


def _lower(letter: str) -> str:
    """One letter for one, as the server does; it knows no case of letters that are younger than its tables."""
    lower = letter.lower()[0]
    return lower if ucd_3_2_0.category(letter) != "Cn" and ucd_3_2_0.category(lower) != "Cn" else letter


def is_among(name: str, names: Collection[str]) -> bool:
    """Whether a column is one of some, however they are spelled."""
    return name_identity(name) in {name_identity(each) for each in names}


def as_spelled(table: SourceTable, columns: Iterable[str]) -> SourceTable:
    """The declaration with each column spelled as the table has it; one that the table has not stays as it is.

    Args:
        table: What was declared.
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
