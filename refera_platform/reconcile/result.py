"""What came of comparing the values of a table at the source with those that the lake holds of it."""

from dataclasses import dataclass

WHOLE_TABLE_SCOPE = "the whole table"
"""Scope of a comparison that left no row out."""


@dataclass(frozen=True, kw_only=True)
class ReconcileResult:
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
    error: str = ""
    """Why nothing could be compared, when something failed."""
    why_not: str = ""
    """Why nothing was compared, when nothing was to be."""
    seconds: float = 0.0

    @property
    def agrees(self) -> bool:
        """Whether no difference was found, and nothing failed."""
        return not self.first and not self.error

    @property
    def has_compared_values(self) -> bool:
        """Whether any value was looked at."""
        return not self.why_not and not self.error


NOT_COMPARED_DAY_OVER = ReconcileResult(
    scope="nothing",
    why_not="The pass ended at a day that is long over, so the source's values of today say nothing about it.",
)
NOT_COMPARED_UNSETTLED = ReconcileResult(
    scope="nothing",
    why_not="The table was altered, or rows went with those they refer to, which the log does not tell: the next run"
    " that reaches the present reads the table.",
)
NOT_COMPARED_INEXACT = ReconcileResult(
    scope="nothing",
    why_not="Somebody committed while the snapshot began, so that it is of no one place in the log: the next run"
    " compares.",
)
