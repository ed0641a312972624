"""Change stream of a source database as values: what was committed, transaction by transaction, in the source's order.

A kind of database makes the events (``source.mysql.change_stream``), ``ingest.stream`` cuts them into days. Every event
names its table; what no row event shows (DDL, cascades, statements) arrives as an event of the table it concerns.

    BEGIN ──▶ RowBatch, TableTruncated, SchemaChanged, TableUnsettled, TableUnreadable … ──▶ COMMIT … ──▶ StreamEnd
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from refera_platform.errors import ReferaError
from refera_platform.source.arrow import Array
from refera_platform.source.position import Position
from refera_platform.source.table import SourceTable
from refera_platform.source.types import SourceColumn

EncodedRow = tuple[Any, ...]
"""One row as its decoder keeps it until a whole column is decoded."""
OperationRuns = list[tuple[int, str]]
"""Runs of equal operations, in order: how many rows, and ``c`` created, ``u`` updated or ``d`` deleted."""


@dataclass(frozen=True, kw_only=True)
class StreamTable:
    """A table whose changes are read."""

    table: SourceTable
    start: Position | None
    """Position from which its changes are needed; ``None`` when an earlier table's start is early enough."""
    previous_types: Mapping[str, str]
    """Type and character set of each column at ``start``; empty when unknown."""
    has_schema_change: bool = False
    """Whether its columns are known to have changed since ``start``."""


@dataclass(frozen=True, kw_only=True)
class Transaction:
    """One group of changes that was committed as a whole."""

    position: Position
    """Position before its first event."""
    timestamp_seconds: int
    """Seconds since 1970 at which its commit began (a standalone statement: the statement), by the server's clock."""


class RowDecoder(Protocol):
    """Decoder of the rows of one table, while its columns stay the same."""

    columns: tuple[SourceColumn, ...]
    """The copied columns, in the table's order."""

    def split_rows(self, payload: Any, rows: list[EncodedRow]) -> OperationRuns:
        """Append the rows of one batch to ``rows``; an update that changes the key is a delete and a create."""

    def to_arrow(self, rows: Sequence[EncodedRow]) -> tuple[dict[str, Array], dict[str, int]]:
        """Decode rows into columns; also how many values of each column became NULL because no type holds them."""

    def require_keys(self, rows: Sequence[EncodedRow], quirks: Mapping[str, int]) -> None:
        """Stop at rows whose key does not identify them."""

    def cast_expressions(self) -> list[str]:
        """DuckDB expression of each column, from the columns of ``to_arrow``."""


class TransactionBegin(NamedTuple):
    """A committed transaction begins; repeated after a lost connection, without the rows that were yielded before."""

    transaction: Transaction
    resume_position: Position
    """Position at which a later reader must start to see every transaction that is still prepared."""


class TransactionCommit(NamedTuple):
    """The current transaction is complete."""


class RowBatch(NamedTuple):
    """Rows of one table in the current transaction, not decoded yet."""

    table: str
    decoder: RowDecoder
    payload: Any
    """What the decoder splits into rows."""
    size_bytes: int


class TableTruncated(NamedTuple):
    """A statement removed all rows of a table at once."""

    table: str


class SchemaChanged(NamedTuple):
    """DDL changed the columns of a table."""

    table: str


class TableUnsettled(NamedTuple):
    """Rows of a table changed, or may have changed, without row events: only reading it again can tell."""

    table: str


class TableUnreadable(NamedTuple):
    """Changes of a table cannot be read."""

    table: str
    error: ReferaError


class StreamEnd(NamedTuple):
    """Everything up to the requested position was yielded."""

    position: Position
    resume_position: Position


ChangeEvent = (
    TransactionBegin
    | RowBatch
    | TableTruncated
    | SchemaChanged
    | TableUnsettled
    | TableUnreadable
    | TransactionCommit
    | StreamEnd
)
