"""Results of an ingest run: one for each table, of the same type for every strategy. Reads and writes nothing."""

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
    """One day of a table that a run wrote, or that needed no write."""

    day: date
    state: RawState
    """State of the day's object now."""
    added: Mapping[str, int] = field(default_factory=dict)
    """Rows that the run added (of a day read again: all its rows), by ``_op``; empty when nothing had changed."""
    size_bytes: int
    """Size of the day's object in bytes."""
    url: str
    """``s3://`` address of the day's object."""

    @classmethod
    def of_object(cls, item: RawObject, added: Mapping[str, int] = MappingProxyType({})) -> "IngestedDay":
        """Make it from the day's stored object."""
        return cls(day=item.day, state=item.state, added=added, size_bytes=item.stored.size_bytes, url=item.stored.url)


@dataclass(frozen=True, kw_only=True)
class IngestResult:
    """The result of ingesting some days of a table."""

    table: SourceTable
    ingested_days: tuple[IngestedDay, ...]
    """The days that were written, oldest first; at least one."""
    schema_change: SchemaChange = NO_SCHEMA_CHANGE
    """How its columns differ from those of the previous object."""
    changed_rows_by_day: Mapping[date, int] = field(default_factory=dict)
    """Rows that changed on each day, for closed days that hold only changes."""
    unseen_days: tuple[date, ...] = ()
    """Days that were closed as unobserved."""
    unchanged_days: tuple[date, ...] = ()
    """Requested days that were in the lake already and stay as they are."""
    source_rows: int | None
    """Rows of the source at the lake's end position; ``None`` when the source is past it."""
    lake_rows: int
    """Rows of the lake's current state after the commit."""
    duplicate_rows: int
    """Raw rows that share their ``_position`` with another row; a retry must never leave any."""
    reconcile_result: ReconcileResult = NOT_COMPARED_DAY_OVER
    """Result of comparing the values."""
    seconds: float
    is_settled: bool = True
    """False when the newest day has changes without row events and the table was not read again since."""
    unreadable_parents: tuple[str, ...] = ()
    """Parent tables at the source, as ``schema.table``, whose cascades change its rows and that the account may not
    read: cascades into them cannot be detected."""
    days_in_lake: Mapping[date, RawObject] = field(default_factory=dict)
    """Every day of the table after the run, oldest first."""

    @property
    def removed_columns(self) -> tuple[str, ...]:
        """Columns that the previous object had and the source no longer has."""
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
        """How lake and source differ, without any value of a row, not even of its key; empty when they do not."""
        address, comparison = self.table.address, self.reconcile_result
        if self.duplicate_rows:
            return f"{self.duplicate_rows} rows of {address} exist twice"
        if self.is_settled and not self.agrees:
            return f"{address} has {self.lake_rows} rows in the lake and {self.source_rows} at the source"
        return (
            f"{address} differs in {comparison.scope}: {comparison.first_columns or 'a row differs'}"
            if comparison.first
            else ""
        )

    @property
    def unverified_because(self) -> str:
        """Why the comparison failed or had to wait for the next run; empty when it did not."""
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
        """State of the newest day's object now."""
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
    """A table that could not be ingested, and why; other tables of the run are not affected."""

    table: SourceTable
    error: ReferaError
