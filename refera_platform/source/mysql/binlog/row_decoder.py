"""Decoder of the rows of one table map: splits them with the row codec, then decodes whole columns into Arrow.

Rows stay bytes until numpy decodes a whole column. Which bytes form a row is ``row_codec``'s, how a value is decoded
``column_codec``'s, which column of the table it is ``logged_column``'s.

    TableMap + SourceTable ──▶ build_row_decoder() ──▶ RowDecoder.split_rows(event) ──▶ encoded rows ──▶ to_arrow()
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from refera_platform.duckdb_session.quoting import quoted
from refera_platform.errors import SourceError
from refera_platform.source import arrow
from refera_platform.source.copied_columns import is_copied
from refera_platform.source.key_values import ambiguous_key_error
from refera_platform.source.mysql.binlog.charsets import Charsets
from refera_platform.source.mysql.binlog.column_codec import ColumnCodec, build_column_codec, value_width
from refera_platform.source.mysql.binlog.column_decoder import Matrix
from refera_platform.source.mysql.binlog.events import read_packed_integer
from refera_platform.source.mysql.binlog.logged_column import is_hidden, resolve_columns
from refera_platform.source.mysql.binlog.row_codec import (
    ColumnSlice,
    EncodedRow,
    OperationRuns,
    RowCodec,
    RowPairsSplitter,
    RowsSplitter,
    ValueWidth,
)
from refera_platform.source.mysql.binlog.stream_event import RowsEvent
from refera_platform.source.mysql.binlog.table_map import TableMap
from refera_platform.source.table import SourceTable
from refera_platform.source.types import SourceColumn

FLAGS_END_OFFSET = 8
"""Offset behind the table id and the flags."""


class RowDecoder:
    """Decodes the rows under one table map."""

    def __init__(
        self,
        table: SourceTable,
        columns: Sequence[SourceColumn],
        widths: Sequence[ValueWidth],
        codecs: Mapping[int, ColumnCodec],
    ) -> None:
        """Lay out the row codec and find the key columns.

        Args:
            table: Declaration of the table.
            columns: Every column of the table map, in order.
            widths: Width of each of them.
            codecs: Codec of each copied column, by index.

        Raises:
            SourceError: when the rows lack a key column.
        """
        self.columns = tuple(columns[index] for index in codecs)
        """The copied columns, in the table's order."""
        self._table = table
        self._names = [column.name for column in columns]
        self._generated = {column.name for column in columns if column.is_generated}
        self._widths = widths
        self._codecs = codecs
        self._row_codec = RowCodec(widths, list(codecs))
        self._splitters: dict[int, tuple[RowsSplitter, RowPairsSplitter]] = {}
        """Splitters of row images, by the bitmap of the columns that they have."""
        index_by_name = {columns[index].name: index for index in codecs}
        if missing := [name for name in table.key if name not in index_by_name]:
            raise SourceError(
                f"The rows of {table.address} in the binlog have no column {', '.join(missing)}, which is declared as"
                " key:",
                f"declare the key that the table has, and `refera resnapshot {table.address}`.",
            )
        self._key = [index_by_name[name] for name in table.key]

    def split_rows(self, event: RowsEvent, rows: list[EncodedRow]) -> OperationRuns:
        """Split the rows of one event.

        Args:
            event: The event, whose rows are of this table map.
            rows: Receives one encoded row for each row; an update that changes the key becomes a delete and a create.

        Returns:
            Runs of equal operations, in order: how many rows of which operation.

        Raises:
            SourceError: when the event does not hold whole rows.
        """
        operation, body = event.operation, event.body
        (rows_splitter, pairs_splitter), offset = self._rows_start(operation, event.version, body)
        previous_count = len(rows)
        try:
            if operation == "u":
                end, runs = pairs_splitter(body, offset, len(body), rows.append)
            else:
                end = rows_splitter(body, offset, len(body), rows.append)
                runs = [(len(rows) - previous_count, operation)]
        except IndexError:
            end, runs = -1, []
        if end != len(body):
            raise SourceError(
                f"Rows of {self._table.address} in the binlog are not what their table map says:",
                f"report this, and `refera resnapshot {self._table.address}`.",
            )
        return runs

    def to_arrow(self, rows: Sequence[EncodedRow]) -> tuple[dict[str, arrow.Array], dict[str, int]]:
        """Decode rows into columns; also returns how many values of each column became NULL because no type holds them.

        Raises:
            SourceError: when a value does not fit its column.
        """
        segments = list(zip(*rows, strict=True)) or [()] * self._row_codec.segment_count
        nulls = _matrix(segments[0], self._row_codec.bitmap_bytes)
        matrices = {
            segment: _matrix(segments[segment], size) for segment, size in self._row_codec.segment_bytes.items()
        }
        arrays, quirks = {}, {}
        for column, (index, codec) in zip(self.columns, self._codecs.items(), strict=True):
            column_slice = self._row_codec.slices[index]
            data = (
                _slice_columns(matrices[column_slice.segment], column_slice)
                if column_slice.width
                else segments[column_slice.segment]
            )
            arrays[column.name], count = codec.decode(data, _validity(nulls, index))
            if count:
                quirks[column.name] = count
        return arrays, quirks

    def require_keys(self, rows: Sequence[EncodedRow], quirks: Mapping[str, int]) -> None:
        """Stop at rows whose key does not identify them.

        Args:
            rows: Encoded rows.
            quirks: By column, how many values became NULL because no type holds them.

        Raises:
            SourceError: naming the key column.
        """
        nulls = _matrix([row[0] for row in rows], self._row_codec.bitmap_bytes)
        for index, column in zip(self._codecs, self.columns, strict=True):
            if column.name in self._table.key and (column.name in quirks or _validity(nulls, index) is not None):
                raise ambiguous_key_error(self._table, column.name, quirks.get(column.name, 0))

    def cast_expressions(self) -> list[str]:
        """DuckDB expressions that cast each Arrow column to the type it has in a snapshot."""
        return [
            f"cast({quoted(column.name)} as {column.parquet_type}) as {quoted(column.name)}" for column in self.columns
        ]

    def _rows_start(
        self, operation: str, version: int, body: bytes
    ) -> tuple[tuple[RowsSplitter, RowPairsSplitter], int]:
        """Splitters for the event's row images, and the offset of the first row."""
        offset = FLAGS_END_OFFSET + (int.from_bytes(body[8:10], "little") if version > 1 else 0)
        width, offset = read_packed_integer(body, offset)
        size = (width + 7) // 8
        mask = (1 << width) - 1
        present, offset = int.from_bytes(body[offset : offset + size], "little") & mask, offset + size
        new_present = present
        if operation == "u":  # columns of the row image after the update
            new_present, offset = int.from_bytes(body[offset : offset + size], "little") & mask, offset + size
        if width != len(self._names) or new_present != present:
            raise self._partial_row_error([])
        if present not in self._splitters:
            self._splitters[present] = self._compile_splitters(present)
        return self._splitters[present], offset

    def _compile_splitters(self, present: int) -> tuple[RowsSplitter, RowPairsSplitter]:
        """Generate the code for row images with these columns; copied columns must be among them."""
        present_indexes = [index for index in range(len(self._names)) if present >> index & 1]
        if missing := [self._names[index] for index in self._codecs if index not in present_indexes]:
            raise self._partial_row_error(missing)
        row_codec = RowCodec(self._widths, list(self._codecs), present_indexes)
        return row_codec.compile_rows_splitter(), row_codec.compile_pairs_splitter(self._key)

    def _partial_row_error(self, missing: Sequence[str]) -> SourceError:
        """Error about a row image that lacks copied columns."""
        address = self._table.address
        if missing and set(missing) <= self._generated:
            return SourceError(
                f"The server leaves generated columns out of its binlog, and {', '.join(missing)} is declared as key of"
                f" {address}:",
                f"declare a key of stored columns, or choose strategy compare, then `refera resnapshot {address}`.",
            )
        suffix = f" (without {', '.join(missing)})" if missing else ""
        return SourceError(
            f"The binlog holds only some of the columns of changed rows of {address}{suffix}:",
            "set global binlog_row_image = FULL (sessions that were open keep the old image until they reconnect), then"
            f" `refera resnapshot {address}`; a column that was a generated one until it was altered needs only that.",
        )


def build_row_decoder(
    table_map: TableMap, table: SourceTable, declared: Sequence[SourceColumn], charsets: Charsets, hash_key: bytes
) -> RowDecoder:
    """Build the decoder of the rows under a table map.

    Args:
        table_map: Columns as the binlog describes them.
        table: Declaration: key, private and hashed columns.
        declared: Every column as the server's catalogue has it now, in order; empty for a dropped table.
        charsets: Character sets of the server.
        hash_key: Key of the hashed columns.

    Raises:
        SourceError: naming the column that cannot be read faithfully.
    """
    columns = resolve_columns(table_map, table, declared)
    codecs = {
        index: build_column_codec(logged, column, table, charsets, hash_key)
        for index, (logged, column) in enumerate(zip(table_map.columns, columns, strict=True))
        if is_copied(column, table) and not is_hidden(logged, declared)
    }
    widths = [
        value_width(logged, f"Column {table.address}.{column.name}")
        for logged, column in zip(table_map.columns, columns, strict=True)
    ]
    return RowDecoder(table, columns, widths, codecs)


def _matrix(segments: Sequence[bytes], size: int) -> Matrix:
    return np.frombuffer(b"".join(segments), dtype=np.uint8).reshape(len(segments), size)


def _slice_columns(matrix: Matrix, column_slice: ColumnSlice) -> Matrix:
    return matrix[:, column_slice.start : column_slice.start + column_slice.width]


def _validity(nulls: Matrix, index: int) -> arrow.Validity:
    """Which values of a column are not NULL; ``None`` when none is NULL."""
    is_null: npt.NDArray[np.bool_] = nulls[:, index >> 3] >> (index & 7) & 1 != 0
    return ~is_null if is_null.any() else None
