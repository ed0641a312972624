"""Code that cuts the images of rows into pieces: written for each table, since a loop over columns is ten times slower.

A piece is one text or binary value, or neighbours of fixed width together, which numpy takes apart later for all rows
at once. A cut row is a tuple: its NULL bitmap, then its pieces; a NULL is zeros, or empty. An image may leave columns
out (MariaDB 11.8 does so with generated ones, in updates and deletes, and not in inserts): its rows are cut into the
same pieces, so that rows of both kinds lie in one list.

    widths of the columns ──▶ Image ──▶ whole() / pairs() ──▶ functions that append cut rows
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

EncodedRow = tuple[bytes, ...]
OperationRuns = list[tuple[int, str]]
AppendRow = Callable[[EncodedRow], None]
RowsSplitter = Callable[[bytes, int, int, AppendRow], int]
"""Cuts the rows between two offsets, and says where it stopped."""
RowPairsSplitter = Callable[[bytes, int, int, AppendRow], tuple[int, OperationRuns]]
"""The same for pairs of images."""
RowSplitter = Callable[[bytes, int], tuple[EncodedRow, int]]
ADJACENT_SLICES_PATTERN = re.compile(r"b\[p \+ (\d+):p \+ (\d+)\] \+ b\[p \+ \2:p \+ (\d+)\]")
MAX_COMPILED_NULL_PATTERNS = 100
"""Patterns of NULLs that get code of their own; rows of others are cut by a loop."""


@dataclass(frozen=True, kw_only=True)
class ValueWidth:
    """How many bytes a value takes."""

    fixed: int = 0
    """As many, always; 0 when it says so itself."""
    prefix: int = 0
    """Bytes of the length before it, lowest first."""


@dataclass(frozen=True, kw_only=True)
class ColumnSlice:
    """Where a column is in a cut row."""

    segment: int
    """Index in the tuple; index 0 is the NULL bitmap."""
    start: int = 0
    """Offset in the piece."""
    width: int = 0
    """Bytes in the piece; 0 for all of them."""

    def code(self, row: str) -> str:
        """Code of the column's bytes."""
        byte_range = f"[{self.start}:{self.start + self.width}]" if self.width else ""
        return f"{row}[{self.segment}]{byte_range}"


class RowCodec:
    """How the image of a row is cut."""

    def __init__(
        self, widths: Sequence[ValueWidth], selected: Collection[int], present: Collection[int] | None = None
    ) -> None:
        """Plan it.

        Args:
            widths: Of each column of the table.
            selected: Columns that become part of the cut row; others are stepped over.
            present: Columns that the image has, every wanted one among them; all of them without it.
        """
        self._widths = widths
        self._present = [index for index in range(len(widths)) if present is None or index in present]
        self.slices: Mapping[int, ColumnSlice] = _column_slices(widths, selected)
        self.segment_bytes: Mapping[int, int] = _segment_bytes(self.slices)
        self.segment_count = 1 + max((column_slice.segment for column_slice in self.slices.values()), default=0)
        self.bitmap_bytes = (len(widths) + 7) // 8
        """Bytes of the NULL bitmap of a cut row: a bit for each column of the table."""
        self._row_bitmap_bytes = (len(self._present) + 7) // 8  # of the image's own: a bit for each column that it has
        # the bitmap of a row without NULLs: servers set the bits that belong to no column
        self._no_nulls = ((1 << 8 * self._row_bitmap_bytes) - (1 << len(self._present))).to_bytes(
            self._row_bitmap_bytes, "little"
        )
        self._splitters: dict[bytes, RowSplitter] = {}

    def split_row(self, nulls: bytes, body: bytes, offset: int) -> tuple[EncodedRow, int]:
        """Cut one row of any pattern of NULLs, whose bitmap lies before ``offset``."""
        splitter = self._splitters.get(nulls)
        if splitter is None:
            if len(self._splitters) >= MAX_COMPILED_NULL_PATTERNS:
                return self._split_row_slowly(nulls, body, offset)
            splitter = self._splitters[nulls] = self._compile_row_splitter(nulls)
        return splitter(body, offset)

    def split_code(self, name: str, nulls: Collection[int] = ()) -> list[str]:
        """Lines that cut at ``p`` of ``b`` into ``name``1, ``name``2… and leave ``p`` behind the row."""
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
                lines += _segment_assignments(name, open_parts)  # while p is where their offsets start
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
        """Code of the tuple that :meth:`code` prepared."""
        return f"({nulls}, {''.join(f'{name}{segment}, ' for segment in range(1, self.segment_count))})"

    def compile_rows_splitter(self) -> RowsSplitter:
        """A function that cuts rows one after another and says where it stopped."""
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
        """A function that cuts pairs of images: the new one, and the old one too when the key differs."""
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
        """Columns that are NULL by the bitmap of an image."""
        return frozenset(index for bit, index in enumerate(self._present) if nulls[bit >> 3] >> (bit & 7) & 1)

    def _table_bitmap(self, nulls: bytes) -> bytes:
        """The bitmap of a cut row: a bit for each column of the table, and those that the image has not are NULL."""
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
    """Bytes of each piece of fixed width."""
    bytes_by_segment: dict[int, int] = {}
    for column_slice in slices.values():
        if column_slice.width:
            bytes_by_segment[column_slice.segment] = column_slice.start + column_slice.width
    return bytes_by_segment


def _segment_assignments(name: str, parts: dict[int, list[str]]) -> list[str]:
    """Lines that make the pieces whose parts are known; neighbours are cut at once."""
    lines = []
    for segment, slices in parts.items():
        expression = " + ".join(slices)
        while (joined := ADJACENT_SLICES_PATTERN.sub(r"b[p + \1:p + \3]", expression, count=1)) != expression:
            expression = joined
        lines.append(f"{name}{segment} = {expression}")
    parts.clear()
    return lines


def _length_code(offset: int, size: int) -> str:
    """Code of a length of some bytes at an offset from ``p``."""
    if size > 2:
        return f'int.from_bytes(b[p + {offset}:p + {offset + size}], "little")'
    return f"b[p + {offset}]" if size == 1 else f"(b[p + {offset}] | b[p + {offset + 1}] << 8)"


def _null_mask_comparison(mask: bytes) -> Callable[[bytes, bytes], bool]:
    """Whether two NULL bitmaps differ in columns of the key."""
    return lambda first, second: any((a ^ b) & c for a, b, c in zip(first, second, mask, strict=True))


def _compile_function(*lines: str, **namespace: Any) -> Any:
    """The function of some lines, which are ours: made of numbers, and never of a name."""
    exec("\n".join(lines), namespace)  # noqa: S102
    return namespace["made"]
