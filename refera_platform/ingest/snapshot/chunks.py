"""Plan of a chunked snapshot: a large table divided by bounds of its key, each chunk read by a call of its own.

    plan (bounds of keys, a binlog position) ──▶ a file for each chunk ──▶ all staged? ──▶ merge ──▶ snapshot

Stores nothing: ``chunk_staging`` does.
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
from refera_platform.source.position import Position
from refera_platform.source.table import SourceTable
from refera_platform.source.types import SourceColumn

MAX_CHUNKS = 10_000


@dataclass(frozen=True, kw_only=True)
class ChunkLimits:
    """Largest size of one chunk."""

    max_rows: int
    max_bytes: int
    """Bytes by the server's estimate of the table's size."""

    def max_rows_for(self, bytes_per_row: int) -> int:
        """Rows that a chunk of a table may have, at least 1."""
        return max(min(self.max_rows, self.max_bytes // bytes_per_row), 1)


@dataclass(frozen=True, kw_only=True)
class ChunkPlan:
    """How a table is divided into chunks."""

    id: str
    server: str
    schema: str
    position: str
    """Binlog position before the first chunk was read: the merge reads the binlog from here."""
    columns: Mapping[str, str]
    """Parquet type of each column."""
    bounds: Sequence[KeyBound]
    declared: str
    """Digest of the table's declaration: chunks of two declarations may not be mixed (``declaration_digest``)."""
    most_rows: int
    """Row limit of a chunk when the plan was made: the stage's setting, not the limit for this table's row size."""

    @property
    def chunk_count(self) -> int:
        """Number of chunks."""
        return len(self.bounds) + 1

    @property
    def start_position(self) -> Position:
        """Position from which the merge reads the binlog."""
        return Position.parse(self.position)

    def is_for_table(self, source: Source, table: SourceTable, columns: Sequence[SourceColumn]) -> bool:
        """Whether it was made for the present server, columns and declaration of the table."""
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
    """A table too large for one call: its chunks are read first, then the table is ingested again."""

    table: SourceTable
    plan_id: str
    """Id of the plan."""
    missing_numbers: tuple[int, ...]
    """Numbers of the chunks that are not staged yet."""
    chunk_count: int
    """Number of chunks of the plan."""


def plan_chunks(
    source: Source, table: SourceTable, start_position: Position, limits: ChunkLimits, chunk_rows: int
) -> ChunkPlan:
    """Divide a table by its key.

    Args:
        source: A session inside a snapshot.
        table: The table.
        start_position: Binlog position of the snapshot.
        limits: Largest size of a chunk.
        chunk_rows: Rows of a chunk of this table.

    Raises:
        SourceError: when its key cannot be divided, or there would be more than ``MAX_CHUNKS`` chunks.
    """
    columns = source.columns(table)
    if not is_splittable(table, columns):
        reason = "hashed" if table.hashed & set(table.key) else "of a type that has no order to split by"
        raise SourceError(
            f"Table {table.address} is too large for one call, and its key ({', '.join(table.key)}) cannot be divided,"
            f" as it is {reason}:",
            "capture it where one process reads it whole (REFERA_RUNNER=local).",
        )
    bounds = chunk_bounds(source, table, columns, chunk_rows)
    if len(bounds) >= MAX_CHUNKS:
        raise SourceError(
            f"Table {table.address} would have more than {MAX_CHUNKS} chunks:", "raise REFERA_PIECE_ROWS."
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
    """SHA-256 of what decides how rows are read: the key, the private and the hashed columns, and the hash key."""
    hash_probe = hash_values(source.hash_key, [b"pieces"]) if table.hashed else []
    declared = [table.key, sorted(table.private), sorted(table.hashed), [str(each) for each in hash_probe]]
    return hashlib.sha256(json.dumps(declared).encode()).hexdigest()


def rows_per_chunk(source: Source, table: SourceTable, limits: ChunkLimits, rows: int) -> int | None:
    """Rows of a chunk of a table that is read in chunks; ``None`` for a table small enough to be read whole."""
    chunk_rows = limits.max_rows_for(average_row_bytes(source, table))
    return chunk_rows if rows > chunk_rows + chunk_rows // 2 else None
