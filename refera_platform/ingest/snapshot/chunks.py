"""Plan of a chunked snapshot: a large table divided by bounds of its key, each chunk read by a call of its own.

    plan (bounds of keys, a binlog position) ──▶ a file for each chunk ──▶ all there? ──▶ merge ──▶ snapshot

Keeps nothing: ``chunk_staging`` does.
"""

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from refera_platform.errors import SourceError
from refera_platform.source.connection import Source
from refera_platform.source.hashing import hash_values
from refera_platform.source.key_ranges import KeyBound, average_row_bytes, chunk_bounds, is_splittable
from refera_platform.source.mysql.binlog.position import Position
from refera_platform.source.table import SourceTable
from refera_platform.source.types import SourceColumn

MAX_CHUNKS = 10_000


@dataclass(frozen=True, kw_only=True)
class ChunkLimits:
    """What one piece may have at most."""

    max_rows: int
    max_bytes: int
    """As the server guesses a table's bytes."""

    def max_rows_for(self, bytes_per_row: int) -> int:
        """Rows of a piece of a table."""
        return max(min(self.max_rows, self.max_bytes // bytes_per_row), 1)


@dataclass(frozen=True, kw_only=True)
class ChunkPlan:
    """How a table is read in pieces."""

    id: str
    server: str
    schema: str
    position: str
    """Place in the log before the first piece was read: from there on the log says what the pieces missed."""
    columns: Mapping[str, str]
    """Parquet type of each column."""
    bounds: Sequence[KeyBound]
    declared: str
    """How the table was declared: pieces of two declarations may not be mixed (``declaration``)."""
    most_rows: int
    """Rows that a piece could have at most when it was made: the stage's setting, not what the table's rows allowed."""

    @property
    def chunk_count(self) -> int:
        """How many pieces there are."""
        return len(self.bounds) + 1

    @property
    def start_position(self) -> Position:
        """Where the log is read from."""
        return Position.parse(self.position)

    def is_for_table(self, source: Source, table: SourceTable, columns: Sequence[SourceColumn]) -> bool:
        """Whether it was made for the table as it is now, and as it is declared now."""
        identity = source.identity()
        current = (
            identity.server,
            identity.schema,
            list(parquet_types(columns).items()),
            declaration_digest(source, table),
        )
        return (self.server, self.schema, list(self.columns.items()), self.declared) == current


@dataclass(frozen=True, kw_only=True)
class PendingChunks:
    """A table too large for one call: its pieces are read first, then it is captured again."""

    table: SourceTable
    plan_id: str
    """Name of the plan."""
    missing_numbers: tuple[int, ...]
    """Numbers of the pieces that are not there yet."""
    chunk_count: int
    """How many pieces there are."""


def plan_chunks(
    source: Source,
    table: SourceTable,
    columns: Sequence[SourceColumn],
    start_position: Position,
    limits: ChunkLimits,
    chunk_rows: int,
) -> ChunkPlan:
    """Divide a table by its key.

    Args:
        source: A session inside of a snapshot.
        table: Which table.
        columns: Its columns.
        start_position: The place in the log that the snapshot shows.
        limits: What a piece may have at most.
        chunk_rows: Rows of a piece of this table.

    Raises:
        SourceError: when its key cannot be divided.
    """
    if not is_splittable(table, columns):
        reason = "hashed" if table.hashed & set(table.key) else "of a type that has no order that could be asked for"
        raise SourceError(
            f"Table {table.address} is too large for one call, and its key ({', '.join(table.key)}) cannot be divided,"
            f" being {reason}:",
            "capture it where one process reads it whole (REFERA_RUNNER=local).",
        )
    bounds = chunk_bounds(source, table, columns, chunk_rows)
    if len(bounds) >= MAX_CHUNKS:
        raise SourceError(
            f"Table {table.address} would have more than {MAX_CHUNKS} pieces:", "raise REFERA_PIECE_ROWS."
        )
    identity = source.identity()
    return ChunkPlan(
        id=uuid.uuid4().hex,
        server=identity.server,
        schema=identity.schema,
        position=str(start_position),
        columns=parquet_types(columns),
        bounds=bounds,
        declared=declaration_digest(source, table),
        most_rows=limits.max_rows,
    )


def parquet_types(columns: Sequence[SourceColumn]) -> dict[str, str]:
    """The Parquet type of each column."""
    return {column.name: column.parquet_type for column in columns}


def declaration_digest(source: Source, table: SourceTable) -> str:
    """A digest of what decides how rows are read: the key, the columns that stay behind or are hashed, and by what."""
    hash_probe = hash_values(source.hash_key, [b"pieces"]) if table.hashed else []
    declared = [table.key, sorted(table.private), sorted(table.hashed), [str(each) for each in hash_probe]]
    return hashlib.sha256(json.dumps(declared).encode()).hexdigest()


def rows_per_chunk(source: Source, table: SourceTable, limits: ChunkLimits, rows: int) -> int | None:
    """Rows of a piece of a table that is read in pieces; ``None`` for one that is small enough to be read whole."""
    chunk_rows = limits.max_rows_for(average_row_bytes(source, table))
    return chunk_rows if rows > chunk_rows + chunk_rows // 2 else None
