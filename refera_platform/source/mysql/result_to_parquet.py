"""Writer of a query result into one Parquet file, a block of rows at a time, in constant memory.

Wire ──▶ stream_to_parquet() ──blocks──▶ ParquetSpool ──Arrow──▶ part files ──▶ one Parquet file
"""

from collections.abc import Sequence
from pathlib import Path

import duckdb
import pymysql

from refera_platform.duckdb_session.quoting import literal
from refera_platform.errors import ReferaError, SourceError, error_kind
from refera_platform.source import arrow
from refera_platform.source.hashing import hash_values
from refera_platform.source.mysql.text_result import ColumnBuffer, read_blocks
from refera_platform.source.mysql.wire import Wire
from refera_platform.source.types import SourceColumn


class ParquetSpool:
    """Collects blocks of rows in part files, then makes one Parquet file of them."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, columns: Sequence[SourceColumn], path: Path, hash_key: bytes
    ) -> None:
        self._connection = connection
        self._columns = columns
        self._path = path
        self._hash_key = hash_key
        # before anything is queried, so that a type that cannot be kept faithfully stops the read
        self._select_list = ", ".join(column.cast_expression for column in columns)
        self._written = 0
        self._chunks: list[Path] = []

    def add(self, columns: Sequence[ColumnBuffer]) -> None:
        """Write one block of rows as a part file.

        Raises:
            SourceError: when a value does not fit its column.
        """
        arrays = {
            column.name: self._array(column, values) for column, values in zip(self._columns, columns, strict=True)
        }
        self._write(arrays, len(columns[0].starts))

    def finish(self) -> int:
        """Merge the part files into one file; returns its number of rows."""
        if not self._chunks:
            empty_columns = {
                column.name: arrow.binary_array([])
                if column.is_binary and not column.is_hashed
                else arrow.text_array([])
                for column in self._columns
            }
            self._write(empty_columns, 0)
        if len(self._chunks) == 1:
            self._chunks[0].replace(self._path)
            return self._written
        names = ", ".join(literal(str(chunk)) for chunk in self._chunks)
        self._copy(f"from read_parquet([{names}])", self._path)
        return self._written

    def discard(self) -> None:
        """Remove the remaining part files."""
        for chunk in self._chunks:
            chunk.unlink(missing_ok=True)

    def _array(self, column: SourceColumn, values: ColumnBuffer) -> arrow.Array:
        if column.is_hashed:
            return arrow.text_array(hash_values(self._hash_key, values.to_list()))
        prefix_bytes = column.prefix_bytes
        values = values.without_prefix(prefix_bytes) if prefix_bytes else values
        data = values.join_bytes()
        if column.is_binary:
            return arrow.joined_binary_array(data, values.lengths, values.valid)
        return arrow.joined_text_array(data, values.lengths, values.valid, name=f"Column {column.name}")

    def _write(self, arrays: dict[str, arrow.Array], rows: int) -> None:
        chunk = self._path.with_name(f"{self._path.name}.{len(self._chunks)}")
        self._chunks.append(chunk)
        batch = arrow.ArrowBatch(arrays, rows)
        self._connection.register("read_rows", batch)
        try:
            self._copy(f"select {self._select_list} from read_rows", chunk)
        finally:
            self._connection.unregister("read_rows")
        self._written += rows

    def _copy(self, select: str, path: Path) -> None:
        try:
            self._connection.execute(f"copy ({select}) to {literal(str(path))} (format parquet, compression lz4)")
        except duckdb.Error as error:
            message = str(error).splitlines()[0].rstrip(".")
            raise SourceError(
                f"What was read could not be written to a local file ({message}):",
                "nothing was written; correct it and run again.",
                public_problem=f"What was read could not be written to a local file ({error_kind(error)}):",
            ) from None


def stream_to_parquet(wire: Wire, select: str, width: int, spool: ParquetSpool) -> None:
    """Run ``select`` and add its rows to ``spool``; afterwards the wire can be used again, or is closed.

    Args:
        wire: A connection without an unread answer.
        select: A statement with a result.
        width: Columns of the result.
        spool: Receives the rows.

    Raises:
        pymysql.MySQLError: when the server reports an error, or the connection is lost.
        SourceError: when a value cannot be kept.
    """
    is_free = False
    try:
        blocks = read_blocks(wire.select(select, width))
        try:
            for block in blocks:
                spool.add(block.columns(width))
        except ReferaError:
            for _ in blocks:  # the rest of the result must be read before the next statement
                pass
            is_free = True
            raise
        is_free = True
    except pymysql.MySQLError:
        is_free = True  # the error ended the result
        raise
    finally:
        if not is_free:
            wire.abandon()
