"""What came of comparing the values of a table at the source with those that the lake holds of it."""

from dataclasses import dataclass

ALL_ROWS = "the whole table"
"""Scope of a comparison that left no row out."""


@dataclass(frozen=True, kw_only=True)
class Reconciled:
    """One comparison by checksums, both sides at one position."""

    scope: str
    """Which rows: ``the whole table``, or ``the 12 rows that changed``."""
    rows: int = 0
    """Rows of the source that were compared."""
    columns: tuple[str, ...] = ()
    """Columns that were compared."""
    left_out: tuple[str, ...] = ()
    """Columns that were not: their values are not in the lake as they are at the source."""
    first: str = ""
    """The first row that differs, with its key, column and both values; empty when all agree."""
    first_place: str = ""
    """The same without the values, for where no row's values may be kept."""
    first_columns: str = ""
    """The same with the names of key and columns alone, for what leaves the house."""
    trouble: str = ""
    """Why nothing could be compared, when something failed."""
    why_not: str = ""
    """Why nothing was compared, when nothing was to be."""
    seconds: float = 0.0

    @property
    def agrees(self) -> bool:
        """Whether no difference was found, and nothing failed."""
        return not self.first and not self.trouble

    @property
    def compared_something(self) -> bool:
        """Whether any value was looked at."""
        return not self.why_not and not self.trouble


OVER = Reconciled(
    scope="nothing",
    why_not="The pass ended at a day that is long over, so the source's values of today say nothing about it.",
)
UNSETTLED = Reconciled(
    scope="nothing",
    why_not="The table was altered, or rows went with those they refer to, which the log does not tell: the next run"
    " that reaches the present reads the table.",
)
INEXACT = Reconciled(
    scope="nothing",
    why_not="Somebody committed while the snapshot began, so that it is of no one place in the log: the next run"
    " compares.",
)
