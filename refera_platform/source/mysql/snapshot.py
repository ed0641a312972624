"""Snapshot reader: reads a whole table, or a range of its keys, with one select into a local Parquet file.

Writes nothing to the lake: ``ingest.snapshot`` and ``ingest.query_based`` do.

    Source ──▶ read_source_table() ──▶ TableRead (local file, counts, time of the read)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from refera_platform.clock import Clock
from refera_platform.duckdb_session.quoting import literal, quoted
from refera_platform.errors import SourceError
from refera_platform.source.connection import Source
from refera_platform.source.hashing import require_hash_key
from refera_platform.source.key_values import require_valid_key_dates
from refera_platform.source.table import SourceTable
from refera_platform.source.types import SourceColumn, backticked


@dataclass(frozen=True, kw_only=True)
class TableRead:
    """Result of reading a table: every row once, in the order of its key."""

    path: Path
    """A local Parquet file with exactly the copied columns."""
    columns: tuple[SourceColumn, ...]
    rows: int
    server_counts: tuple[int, int]
    """``count(*)`` at the server before and after the read: equal when nobody wrote meanwhile."""
    quirks: Mapping[str, int]
    """By column, how many values no Parquet type holds (zero and partial dates); they are kept as NULL."""
    read_at: datetime
    """UTC instant before the read began."""
    rows_sql: str = ""
    """DuckDB SQL of the rows when they are not in one local file."""

    @property
    def relation(self) -> str:
        """DuckDB relation of the rows."""
        return self.rows_sql or f"read_parquet({literal(str(self.path))})"

    @property
    def is_count_consistent(self) -> bool:
        """Whether as many rows were read as the server counted, allowing for rows written during the read."""
        return min(self.server_counts) <= self.rows <= max(self.server_counts)


def read_source_table(source: Source, table: SourceTable, path: Path, clock: Clock, where: str = "") -> TableRead:
    """Stream ``table``, or its rows that fulfil the MySQL condition ``where``, into ``path``; uses constant memory.

    Raises:
        SourceError: when the table cannot be read, or its declared key does not identify each row.
        SettingError: when it has hashed columns and there is no hash key.
    """
    require_hash_key(table, source.hash_key)
    columns = source.columns(table)
    condition = f" where {where}" if where else ""
    before, quirks = count_rows(source, table, columns, condition)
    require_valid_key_dates(table, quirks)
    read_at = clock.now()
    select_list = ", ".join(f"{column.select_expression} as {backticked(column.name)}" for column in columns)
    # qualified names order by the table's column, not the select's expression: the server can use an index
    order = ", ".join(f"{backticked(table.name)}.{backticked(name)}" for name in table.key)
    rows = source.stream_select(
        f"select {select_list} from {backticked(table.name)}{condition} order by {order}", columns, path
    )
    _require_unique_key(source, table, path)
    after, _ = count_rows(source, table, columns, condition)
    return TableRead(
        path=path, columns=columns, rows=rows, server_counts=(before, after), quirks=quirks, read_at=read_at
    )


def count_rows(
    source: Source, table: SourceTable, columns: tuple[SourceColumn, ...], condition: str = ""
) -> tuple[int, dict[str, int]]:
    """Number of rows, and by column how many values will be kept as NULL."""
    quirk_columns = [column for column in columns if column.quirk]
    counts = ["count(*)", *(f"coalesce(sum({column.quirk}), 0)" for column in quirk_columns)]
    select_list = ", ".join(f"cast({count} as signed)" for count in counts)
    row = source.ask(f"select {select_list} from {backticked(table.name)}{condition}")[0]
    return int(row[0]), {column.name: int(count) for column, count in zip(quirk_columns, row[1:], strict=True) if count}


def _require_unique_key(source: Source, table: SourceTable, path: Path) -> None:
    key = ", ".join(quoted(name) for name in table.key)
    duplicate = source.execute(
        f"select {key}, count(*) from read_parquet({literal(str(path))}) group by {key}"
        f" having count(*) > 1 or {' or '.join(f'{quoted(name)} is null' for name in table.key)} limit 1"
    ).fetchone()
    if duplicate:
        values = ", ".join(f"{name}={value!r}" for name, value in zip(table.key, duplicate, strict=False))
        raise SourceError(
            f"Table {table.address} has {duplicate[-1]} rows with {values}, so its declared key recognises no"
            " single row:",
            "declare the columns of its primary key in the catalogue.",
            public_problem=f"Table {table.address} has {duplicate[-1]} rows with one value of"
            f" {', '.join(table.key)}, so its"
            " declared key recognises no single row:",
        )
