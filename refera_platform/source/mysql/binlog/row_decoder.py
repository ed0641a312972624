"""Rows of the log, cut by code written for their table map and kept as bytes until numpy takes whole columns.

TableMap + declaration ──▶ row_decoder() ──▶ RowDecoder.read(event) ──▶ cut rows ──▶ .arrow()
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from refera_platform.duckdb_session.quoting import quoted
from refera_platform.errors import SourceError
from refera_platform.source import arrow
from refera_platform.source.copied_columns import is_copied
from refera_platform.source.key_values import no_key
from refera_platform.source.mysql.binlog.charsets import Charsets
from refera_platform.source.mysql.binlog.column_codec import Cell, cell_of, width_of
from refera_platform.source.mysql.binlog.column_decoder import Matrix
from refera_platform.source.mysql.binlog.events import packed
from refera_platform.source.mysql.binlog.logged_column import columns_of, is_hidden
from refera_platform.source.mysql.binlog.row_codec import Image, Pairs, Place, Row, Runs, Whole, Width
from refera_platform.source.mysql.binlog.table_map import TableMap
from refera_platform.source.table import SourceTable
from refera_platform.source.types import Column

AFTER_FLAGS = 8
"""Offset of what follows the table's number and the flags."""


class RowDecoder:
    """Reads the rows of one table map."""

    def __init__(
        self,
        table: SourceTable,
        columns: Sequence[Column],
        widths: Sequence[Width],
        cells: Mapping[int, Cell],
    ) -> None:
        """Write the code.

        Args:
            table: The declaration.
            columns: Every logged column, in order.
            widths: Of each of them.
            cells: Of those that are copied.
        """
        self.columns = tuple(columns[index] for index in cells)
        """The copied columns in the table's order."""
        self._table = table
        self._names = [column.name for column in columns]
        self._generated = {column.name for column in columns if column.is_generated}
        self._widths = widths
        self._cells = cells
        self._image = Image(widths, list(cells))
        self._cuts: dict[int, tuple[Whole, Pairs]] = {}
        """How images are cut, by the bitmap of the columns that they have."""
        copied = {columns[index].name: index for index in cells}
        if lost := [name for name in table.key if name not in copied]:
            raise SourceError(
                f"The rows of {table.address} in the log have no column {', '.join(lost)}, which is declared as key:",
                f"declare the key that the table has, and `refera resnapshot {table.address}`.",
            )
        self._key = [copied[name] for name in table.key]

    def read(self, operation: str, version: int, body: bytes, rows: list[Row]) -> Runs:
        """Cut the rows of one event.

        Args:
            operation: ``c``, ``u`` or ``d``.
            version: Of the event's format.
            body: From the table's number on, uncompressed, without a checksum.
            rows: Gets one cut row a row; an update whose key changed is a delete and a create.

        Returns:
            How many rows of which operation, in order.

        Raises:
            SourceError: when the event does not hold whole rows.
        """
        (whole, pairs), at = self._start(operation, version, body)
        before = len(rows)
        try:
            if operation == "u":
                end, runs = pairs(body, at, len(body), rows.append)
            else:
                end = whole(body, at, len(body), rows.append)
                runs = [(len(rows) - before, operation)]
        except IndexError:
            end, runs = -1, []
        if end != len(body):
            raise SourceError(
                f"Rows of {self._table.address} in the log are not what their table map says:",
                f"report this, and `refera resnapshot {self._table.address}`.",
            )
        return runs

    def arrow(self, rows: Sequence[Row]) -> tuple[dict[str, arrow.Array], dict[str, int]]:
        """The rows as columns, and how many values of each column became NULL because no type holds them.

        Raises:
            SourceError: when a value is not what its column says.
        """
        pieces = list(zip(*rows, strict=True)) or [()] * self._image.pieces
        nulls = _matrix(pieces[0], self._image.bitmap)
        matrices = {piece: _matrix(pieces[piece], size) for piece, size in self._image.sizes.items()}
        arrays, odd = {}, {}
        for column, (index, cell) in zip(self.columns, self._cells.items(), strict=True):
            place = self._image.places[index]
            data = _part(matrices[place.piece], place) if place.width else pieces[place.piece]
            arrays[column.name], count = cell.convert(data, _valid(nulls, index))
            if count:
                odd[column.name] = count
        return arrays, odd

    def require_keys(self, rows: Sequence[Row], quirks: Mapping[str, int]) -> None:
        """Stop at rows of a copied table whose key tells them from no other.

        Args:
            rows: Cut rows.
            quirks: Values that became NULL because no type holds them, by column.

        Raises:
            SourceError: naming the column of the key.
        """
        nulls = _matrix([row[0] for row in rows], self._image.bitmap)
        for index, column in zip(self._cells, self.columns, strict=True):
            if column.name in self._table.key and (column.name in quirks or _valid(nulls, index) is not None):
                raise no_key(self._table, column.name, quirks.get(column.name, 0))

    def kept(self) -> list[str]:
        """DuckDB expressions that make each Arrow column the type that a snapshot gives it."""
        return [
            f"cast({quoted(column.name)} as {column.parquet_type}) as {quoted(column.name)}" for column in self.columns
        ]

    def _start(self, operation: str, version: int, body: bytes) -> tuple[tuple[Whole, Pairs], int]:
        """How the rows are cut, and the offset of the first one."""
        at = AFTER_FLAGS + (int.from_bytes(body[8:10], "little") if version > 1 else 0)
        width, at = packed(body, at)
        size = (width + 7) // 8
        mask = (1 << width) - 1
        present, at = int.from_bytes(body[at : at + size], "little") & mask, at + size
        others = present
        if operation == "u":  # of the new image
            others, at = int.from_bytes(body[at : at + size], "little") & mask, at + size
        if width != len(self._names) or others != present:
            raise self._not_whole([])
        if present not in self._cuts:
            self._cuts[present] = self._cut(present)
        return self._cuts[present], at

    def _cut(self, present: int) -> tuple[Whole, Pairs]:
        """The code for images that have some of the columns; those that are copied are never left out."""
        there = [index for index in range(len(self._names)) if present >> index & 1]
        if lost := [self._names[index] for index in self._cells if index not in there]:
            raise self._not_whole(lost)
        image = Image(self._widths, list(self._cells), there)
        return image.whole(), image.pairs(self._key)

    def _not_whole(self, lost: Sequence[str]) -> SourceError:
        """What is said of an image that has not all that is copied."""
        address = self._table.address
        if lost and set(lost) <= self._generated:
            return SourceError(
                f"The server leaves generated columns out of its log, and {', '.join(lost)} is declared as key of"
                f" {address}:",
                f"declare a key of stored columns, or choose strategy compare, then `refera resnapshot {address}`.",
            )
        named = f" (without {', '.join(lost)})" if lost else ""
        return SourceError(
            f"The log holds only some of the columns of changed rows of {address}{named}:",
            "set global binlog_row_image = FULL (sessions that were open keep the old image until they reconnect), then"
            f" `refera resnapshot {address}`; a column that was a generated one until it was altered needs only that.",
        )


def row_decoder(
    table_map: TableMap, table: SourceTable, declared: Sequence[Column], charsets: Charsets, hash_key: bytes
) -> RowDecoder:
    """The decoder of the rows under a table map.

    Args:
        table_map: What the log says of the columns.
        table: The declaration: key, private and hashed columns.
        declared: Every column as the catalogue has it now, in order; none for a table that is gone.
        charsets: The server's character sets.
        hash_key: Key of hashes.

    Raises:
        SourceError: naming the column that cannot be read faithfully.
    """
    columns = columns_of(table_map, table, declared)
    cells = {
        index: cell_of(logged, column, table, charsets, hash_key)
        for index, (logged, column) in enumerate(zip(table_map.columns, columns, strict=True))
        if is_copied(column, table) and not is_hidden(logged, declared)
    }
    widths = [
        width_of(logged, f"Column {table.address}.{column.name}")
        for logged, column in zip(table_map.columns, columns, strict=True)
    ]
    return RowDecoder(table, columns, widths, cells)


def _matrix(pieces: Sequence[bytes], size: int) -> Matrix:
    return np.frombuffer(b"".join(pieces), dtype=np.uint8).reshape(len(pieces), size)


def _part(matrix: Matrix, place: Place) -> Matrix:
    return matrix[:, place.start : place.start + place.width]


def _valid(nulls: Matrix, index: int) -> arrow.Validity:
    """Which values of a column are not NULL; ``None`` when all are not."""
    is_null: npt.NDArray[np.bool_] = nulls[:, index >> 3] >> (index & 7) & 1 != 0
    return ~is_null if is_null.any() else None
