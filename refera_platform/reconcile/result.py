"""Result of reconciling a table: values at the source against those in the lake. Compares nothing: ``values`` does."""

from msgspec import Struct

WHOLE_TABLE_SCOPE = "the whole table"
"""Scope of a comparison that left no row out."""


class ReconcileResult(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"error": "trouble"}):
    """One comparison by checksums, both sides at one position."""

    scope: str
    """Which rows: ``the whole table``, or ``the 12 rows that changed``."""
    rows: int = 0
    """Rows of the source that were compared."""
    columns: tuple[str, ...] = ()
    """Columns that were compared."""
    left_out: tuple[str, ...] = ()
    """Columns that were not compared: private or hashed, or not in the lake."""
    first: str = ""
    """The first row that differs, with its key, column and both values; empty when all agree."""
    first_place: str = ""
    """The same without the two values, for stores that may not hold values."""
    first_columns: str = ""
    """The same with names of key and columns only, for alerts and other texts that leave the machine."""
    error: str = ""
    """Why the comparison failed; empty when it did not."""
    why_not: str = ""
    """Why no comparison was made; empty when one was made or failed."""
    seconds: float = 0.0

    @property
    def agrees(self) -> bool:
        """Whether no difference was found, and the comparison did not fail."""
        return not self.first and not self.error


NOT_COMPARED_DAY_OVER = ReconcileResult(
    scope="nothing",
    why_not="The run ended at a day that is long over, so today's values at the source cannot be compared with it.",
)
NOT_COMPARED_UNSETTLED = ReconcileResult(
    scope="nothing",
    why_not="The table was altered, or rows were changed with their parent rows, which the binlog does not show: the"
    " next run that reaches the present reads the table.",
)
NOT_COMPARED_INEXACT = ReconcileResult(
    scope="nothing",
    why_not="A transaction was committed while the snapshot began, so it has no exact binlog position: the next run"
    " compares.",
)
