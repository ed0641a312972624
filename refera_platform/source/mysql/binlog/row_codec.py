"""Row codec: Python code, generated for each table, that splits the row images of rows events into byte segments.

A loop over the columns is ten times slower. A segment is one text or binary value, or adjacent fixed-width values
together, which numpy splits later for all rows at once. An encoded row is a tuple: its NULL bitmap, then its segments;
NULL is zeros, or empty. A row image may leave columns out (MariaDB 11.8 leaves generated ones out of updates and
deletes, not out of inserts): its rows become the same segments. Decodes no values: ``column_codec`` does.

    widths of the columns ──▶ RowCodec ──▶ compile_rows_splitter() / compile_pairs_splitter() ──▶ functions
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

EncodedRow = tuple[bytes, ...]
OperationRuns = list[tuple[int, str]]
AppendRow = Callable[[EncodedRow], None]
RowsSplitter = Callable[[bytes, int, int, AppendRow], int]
"""Splits the rows between two offsets and returns the offset where it stopped."""
RowPairsSplitter = Callable[[bytes, int, int, AppendRow], tuple[int, OperationRuns]]
"""The same for pairs of row images (before and after an update)."""
RowSplitter = Callable[[bytes, int], tuple[EncodedRow, int]]
ADJACENT_SLICES_PATTERN = re.compile(r"b\[p \+ (\d+):p \+ (\d+)\] \+ b\[p \+ \2:p \+ (\d+)\]")
MAX_COMPILED_NULL_PATTERNS = 100
"""Patterns of NULLs that get generated code; rows with other patterns are split by a loop."""


@dataclass(frozen=True, kw_only=True)
class ValueWidth:
    """How many bytes a value takes in a row image."""

    fixed: int = 0
    """Bytes of every value; 0 when a length prefix says it."""
    prefix: int = 0
    """Bytes of the length prefix, little-endian."""


@dataclass(frozen=True, kw_only=True)
class ColumnSlice:
    """Where a column is in an encoded row."""

    segment: int
    """Index in the tuple; index 0 is the NULL bitmap."""
    start: int = 0
    """Offset in the segment, in bytes."""
    width: int = 0
    """Bytes in the segment; 0 for the whole segment."""

    def code(self, row: str) -> str:
        """Python expression of the column's bytes."""
        byte_range = f"[{self.start}:{self.start + self.width}]" if self.width else ""
        return f"{row}[{self.segment}]{byte_range}"


class RowCodec:
    """How a row image is split into segments."""

    def __init__(
        self, widths: Sequence[ValueWidth], selected: Collection[int], present: Collection[int] | None = None
    ) -> None:
        """Lay out the segments.

        Args:
            widths: Width of each column of the table.
            selected: Indexes of the columns that go into the encoded row; the others are skipped.
            present: Indexes of the columns that the row image has, all ``selected`` ones included; ``None`` for all.
        """
        self._widths = widths
        self._present = [index for index in range(len(widths)) if present is None or index in present]
        self.slices: Mapping[int, ColumnSlice] = _column_slices(widths, selected)
        self.segment_bytes: Mapping[int, int] = _segment_bytes(self.slices)
        self.segment_count = 1 + max((column_slice.segment for column_slice in self.slices.values()), default=0)
        self.bitmap_bytes = (len(widths) + 7) // 8
        """Bytes of the NULL bitmap of an encoded row: one bit for each column of the table."""
        self._row_bitmap_bytes = (len(self._present) + 7) // 8  # of the row image: one bit for each column that it has
        # the bitmap of a row without NULLs: servers set the unused bits of the last byte
        self._no_nulls = ((1 << 8 * self._row_bitmap_bytes) - (1 << len(self._present))).to_bytes(
            self._row_bitmap_bytes, "little"
        )
        self._splitters: dict[bytes, RowSplitter] = {}

    def split_row(self, nulls: bytes, body: bytes, offset: int) -> tuple[EncodedRow, int]:
        """Split one row with any pattern of NULLs; its bitmap ends at ``offset``."""
        splitter = self._splitters.get(nulls)
        if splitter is None:
            if len(self._splitters) >= MAX_COMPILED_NULL_PATTERNS:
                return self._split_row_slowly(nulls, body, offset)
            splitter = self._splitters[nulls] = self._compile_row_splitter(nulls)
        return splitter(body, offset)

    def split_code(self, name: str, nulls: Collection[int] = ()) -> list[str]:
        """Lines of code that split ``b`` at ``p`` into ``name``1, ``name``2… and move ``p`` behind the row."""
        lines: list[str] = []
        open_parts: dict[int, list[str]] = {}
        offset = 0
        for index in self._present:
            width, column_slice = self._widths[index], self.slices.get(index)
            part = ""
            if index in nulls:
                part = f"bytes({width.fixed})"
            elif width.fixed:
                part = f"b[p + {offset}:p + {offset + width.fixed}]"
                offset += width.fixed
            else:
                lines += _segment_assignments(name, open_parts)  # before p moves: their offsets are relative to it
                offset += width.prefix
                lines.append(f"q = p + {offset} + {_length_code(offset - width.prefix, width.prefix)}")
                if column_slice:
                    lines.append(f"{name}{column_slice.segment} = b[p + {offset}:q]")
                lines.append("p = q")
                offset = 0
            if part and column_slice:
                open_parts.setdefault(column_slice.segment, []).append(part)
        return [*lines, *_segment_assignments(name, open_parts), f"p += {offset}"]

    def row_code(self, name: str, nulls: str) -> str:
        """Expression of the tuple whose parts :meth:`split_code` assigned."""
        return f"({nulls}, {''.join(f'{name}{segment}, ' for segment in range(1, self.segment_count))})"

    def compile_rows_splitter(self) -> RowsSplitter:
        """Generate a function that splits consecutive rows and returns the offset where it stopped."""
        splitter: RowsSplitter = _compile_function(
            "def made(b, p, end, append):",
            " while p < end:",
            f"  x = b[p:p + {self._row_bitmap_bytes}]; p += {self._row_bitmap_bytes}",
            "  if x == NONE:",
            *(f"   {line}" for line in self.split_code("v")),
            f"   append({self.row_code('v', 'NULLS')})",
            "  else: row, p = cut(x, b, p); append(row)",
            " return p",
            NONE=self._no_nulls,
            NULLS=self._table_bitmap(self._no_nulls),
            cut=self.split_row,
        )
        return splitter

    def compile_pairs_splitter(self, key: Sequence[int]) -> RowPairsSplitter:
        """Generate a function that splits pairs of row images: keeps the old one only when the key differs."""
        old_codec = RowCodec(self._widths, key, self._present)
        mask = bytearray(self._row_bitmap_bytes)
        for bit in (self._present.index(index) for index in key):
            mask[bit >> 3] |= 1 << (bit & 7)
        before, after = (
            f"({''.join(codec.slices[index].code(name) + ', ' for index in key)})"
            for codec, name in ((old_codec, "k"), (self, "v"))
        )
        splitter: RowPairsSplitter = _compile_function(
            "def made(b, p, end, append):",
            " runs = []; n = 0",
            " while p < end:",
            f"  s = p; x = b[p:p + {self._row_bitmap_bytes}]; p += {self._row_bitmap_bytes}",
            "  if x == NONE:",
            *(f"   {line}" for line in old_codec.split_code("k")),
            f"   k = {old_codec.row_code('k', 'x')}",
            "  else: k, p = cut_key(x, b, p)",
            f"  y = b[p:p + {self._row_bitmap_bytes}]; p += {self._row_bitmap_bytes}",
            "  if y == NONE:",
            *(f"   {line}" for line in self.split_code("v")),
            f"   v = {self.row_code('v', 'NULLS')}",
            "  else: v, p = cut(y, b, p)",
            f"  if {before} == {after} and (x == y or not differ(x, y)): n += 1; append(v)",
            "  else:",
            "   if n: runs.append((n, 'u')); n = 0",
            f"   append(cut(x, b, s + {self._row_bitmap_bytes})[0]); append(v)",
            "   runs.append((1, 'd')); runs.append((1, 'c'))",
            " if n: runs.append((n, 'u'))",
            " return p, runs",
            NONE=self._no_nulls,
            NULLS=self._table_bitmap(self._no_nulls),
            cut=self.split_row,
            cut_key=old_codec.split_row,
            differ=_null_mask_comparison(bytes(mask)),
        )
        return splitter

    def _null_columns(self, nulls: bytes) -> frozenset[int]:
        """Indexes of the columns that are NULL in the bitmap of a row image."""
        return frozenset(index for bit, index in enumerate(self._present) if nulls[bit >> 3] >> (bit & 7) & 1)

    def _table_bitmap(self, nulls: bytes) -> bytes:
        """NULL bitmap of an encoded row: one bit for each column of the table; absent columns are NULL."""
        if len(self._present) == len(self._widths):
            return nulls
        bitmap = (1 << 8 * self.bitmap_bytes) - 1
        for index in set(self._present) - self._null_columns(nulls):
            bitmap -= 1 << index
        return bitmap.to_bytes(self.bitmap_bytes, "little")

    def _compile_row_splitter(self, nulls: bytes) -> RowSplitter:
        splitter: RowSplitter = _compile_function(
            "def made(b, p):",
            *(f" {line}" for line in self.split_code("v", self._null_columns(nulls))),
            f" return {self.row_code('v', 'NULLS')}, p",
            NULLS=self._table_bitmap(nulls),
        )
        return splitter

    def _split_row_slowly(self, nulls: bytes, body: bytes, offset: int) -> tuple[EncodedRow, int]:
        parts = [b""] * self.segment_count
        parts[0] = self._table_bitmap(nulls)
        null_columns = self._null_columns(nulls)
        for index in self._present:
            width, column_slice = self._widths[index], self.slices.get(index)
            value = b""
            if index in null_columns:
                value = bytes(width.fixed)
            else:
                length = width.fixed
                if width.prefix:
                    length = int.from_bytes(body[offset : offset + width.prefix], "little")
                    offset += width.prefix
                value = body[offset : offset + length] if column_slice else b""
                offset += length
            if column_slice:
                parts[column_slice.segment] += value
        return tuple(parts), offset


def _column_slices(widths: Sequence[ValueWidth], selected: Collection[int]) -> dict[int, ColumnSlice]:
    slices: dict[int, ColumnSlice] = {}
    segment, start = 0, 0
    for index, width in enumerate(widths):
        if index not in selected:
            start = 0
            continue
        if not width.fixed or not start:
            segment += 1
            start = 0
        slices[index] = ColumnSlice(segment=segment, start=start, width=width.fixed)
        start = start + width.fixed if width.fixed else 0
    return slices


def _segment_bytes(slices: Mapping[int, ColumnSlice]) -> dict[int, int]:
    """Bytes of each fixed-width segment."""
    bytes_by_segment: dict[int, int] = {}
    for column_slice in slices.values():
        if column_slice.width:
            bytes_by_segment[column_slice.segment] = column_slice.start + column_slice.width
    return bytes_by_segment


def _segment_assignments(name: str, parts: dict[int, list[str]]) -> list[str]:
    """Lines that assign the segments whose parts are known; adjacent parts are one slice."""
    lines = []
    for segment, slices in parts.items():
        expression = " + ".join(slices)
        while (joined := ADJACENT_SLICES_PATTERN.sub(r"b[p + \1:p + \3]", expression, count=1)) != expression:
            expression = joined
        lines.append(f"{name}{segment} = {expression}")
    parts.clear()
    return lines


def _length_code(offset: int, size: int) -> str:
    """Expression of a little-endian length of ``size`` bytes at ``offset`` from ``p``."""
    if size > 2:
        return f'int.from_bytes(b[p + {offset}:p + {offset + size}], "little")'
    return f"b[p + {offset}]" if size == 1 else f"(b[p + {offset}] | b[p + {offset + 1}] << 8)"


def _null_mask_comparison(mask: bytes) -> Callable[[bytes, bytes], bool]:
    """A function that says whether two NULL bitmaps differ in columns of the key."""
    return partial(_differs_under, mask)


def _differs_under(mask: bytes, first: bytes, second: bytes) -> bool:
    return any((a ^ b) & c for a, b, c in zip(first, second, mask, strict=True))


def _compile_function(*lines: str, **namespace: Any) -> Any:
    """Compile lines of generated code; they are made of numbers only, never of names from the database."""
    exec("\n".join(lines), namespace)  # noqa: S102
    return namespace["made"]
