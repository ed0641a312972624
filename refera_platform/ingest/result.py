"""What came of a capture, whatever the strategy."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType

from refera_platform.errors import ReferaError
from refera_platform.lake.lake import RawObject
from refera_platform.lake.object_state import RawState
from refera_platform.lake.schema_drift import SchemaChange
from refera_platform.reconcile.result import NOT_COMPARED_DAY_OVER, ReconcileResult
from refera_platform.source.table import SourceTable, Strategy

NO_SCHEMA_CHANGE = SchemaChange()


@dataclass(frozen=True, kw_only=True)
class IngestedDay:
    """One day of a table that a pass wrote, or found as it should be."""

    day: date
    state: RawState
    """What the day's object says of itself now."""
    added: Mapping[str, int] = field(default_factory=dict)
    """Rows that the pass added (of a day read again: rows it holds), by ``_op``; empty when nothing had changed."""
    size_bytes: int
    """Size of the day's object."""
    url: str
    """Its address."""

    @classmethod
    def of_object(cls, item: RawObject, added: Mapping[str, int] = MappingProxyType({})) -> "IngestedDay":
        """The day as its stored object says it is."""
        return cls(day=item.day, state=item.state, added=added, size_bytes=item.stored.size_bytes, url=item.stored.url)


@dataclass(frozen=True, kw_only=True)
class IngestResult:
    """What came of capturing some days of a table."""

    table: SourceTable
    ingested_days: tuple[IngestedDay, ...]
    """The days that were written, oldest first; at least one."""
    schema_change: SchemaChange = NO_SCHEMA_CHANGE
    """How its columns differ from those of the object before."""
    changed_rows_by_day: Mapping[date, int] = field(default_factory=dict)
    """Rows that each day changed, of days that are over and hold nothing but changes."""
    unseen_days: tuple[date, ...] = ()
    """Days that were closed as never looked at."""
    unchanged_days: tuple[date, ...] = ()
    """Requested days that were captured already and stay as they are."""
    source_rows: int | None
    """Rows of the source at the moment that the lake shows; ``None`` when that moment is over for it."""
    lake_rows: int
    """Rows of the lake's current state after the commit."""
    duplicate_rows: int
    """Raw rows that share their position with another one: what a retry must never leave behind."""
    reconcile_result: ReconcileResult = NOT_COMPARED_DAY_OVER
    """What came of comparing the values."""
    seconds: float
    is_settled: bool = True
    """False when the newest day left something open that the log does not tell and nobody has looked at yet."""
    unreadable_parents: tuple[str, ...] = ()
    """Tables at the source, as ``schema.table``, that its rows go with, and that the account may not look at: when
    rows of theirs go with others, nobody is told."""
    days_in_lake: Mapping[date, RawObject] = field(default_factory=dict)
    """Every day of the table after the pass, oldest first."""

    @property
    def removed_columns(self) -> tuple[str, ...]:
        """Columns that the object before had and the source has no more."""
        return self.schema_change.gone

    @property
    def agrees(self) -> bool:
        """Whether source and lake hold the same number of rows; a cursor does not see deletes."""
        if not self.is_settled:
            return False
        if self.source_rows is None:
            return True
        if self.table.strategy is Strategy.CURSOR:
            return self.lake_rows >= self.source_rows
        return self.source_rows == self.lake_rows

    @property
    def difference(self) -> str:
        """How lake and source differ, without any value of a row, its key included; empty when they do not."""
        address, comparison = self.table.address, self.reconcile_result
        if self.duplicate_rows:
            return f"{self.duplicate_rows} rows of {address} are there twice"
        if self.is_settled and not self.agrees:
            return f"{address} has {self.lake_rows} rows in the lake and {self.source_rows} at the source"
        return (
            f"{address} differs in {comparison.scope}: {comparison.first_columns or 'a row differs'}"
            if comparison.first
            else ""
        )

    @property
    def unverified_because(self) -> str:
        """Why nobody knows whether they differ, where that should be known; the next pass may know."""
        if not self.is_settled:
            return f"{self.table.address}: {self.reconcile_result.why_not.rstrip('.')}"
        error = self.reconcile_result.error.rstrip(".")
        return f"the values of {self.table.address} could not be compared: {error}" if error else ""

    @property
    def day(self) -> date:
        """The newest day that was filled."""
        return self.ingested_days[-1].day

    @property
    def state(self) -> RawState:
        """What the newest day's object says of itself now."""
        return self.ingested_days[-1].state

    @property
    def added(self) -> Mapping[str, int]:
        """Rows that were added to the newest day, by ``_op``."""
        return self.ingested_days[-1].added

    @property
    def url(self) -> str:
        """Address of the newest day's object."""
        return self.ingested_days[-1].url


@dataclass(frozen=True, kw_only=True)
class IngestFailure:
    """A table that could not be captured, and why; the others of the pass were."""

    table: SourceTable
    error: ReferaError
