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

Row = tuple[bytes, ...]
Runs = list[tuple[int, str]]
Append = Callable[[Row], None]
Whole = Callable[[bytes, int, int, Append], int]
"""Cuts the rows between two offsets, and says where it stopped."""
Pairs = Callable[[bytes, int, int, Append], tuple[int, Runs]]
"""The same for pairs of images."""
Cut = Callable[[bytes, int], tuple[Row, int]]
NEIGHBOURS = re.compile(r"b\[p \+ (\d+):p \+ (\d+)\] \+ b\[p \+ \2:p \+ (\d+)\]")
PATTERNS = 100
"""Patterns of NULLs that get code of their own; rows of others are cut by a loop."""


@dataclass(frozen=True, kw_only=True)
class Width:
    """How many bytes a value takes."""

    fixed: int = 0
    """As many, always; 0 when it says so itself."""
    prefix: int = 0
    """Bytes of the length before it, lowest first."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a column is in a cut row."""

    piece: int
    """Index in the tuple; index 0 is the NULL bitmap."""
    start: int = 0
    """Offset in the piece."""
    width: int = 0
    """Bytes in the piece; 0 for all of them."""

    def of(self, row: str) -> str:
        """Code of the column's bytes."""
        cut = f"[{self.start}:{self.start + self.width}]" if self.width else ""
        return f"{row}[{self.piece}]{cut}"


class Image:
    """How the image of a row is cut."""

    def __init__(
        self, widths: Sequence[Width], wanted: Collection[int], present: Collection[int] | None = None
    ) -> None:
        """Plan it.

        Args:
            widths: Of each column of the table.
            wanted: Columns that become part of the cut row; others are stepped over.
            present: Columns that the image has, every wanted one among them; all of them without it.
        """
        self._widths = widths
        self._present = [index for index in range(len(widths)) if present is None or index in present]
        self.places: Mapping[int, Place] = _places(widths, wanted)
        self.sizes: Mapping[int, int] = _sizes(self.places)
        self.pieces = 1 + max((place.piece for place in self.places.values()), default=0)
        self.bitmap = (len(widths) + 7) // 8
        """Bytes of the NULL bitmap of a cut row: a bit for each column of the table."""
        self._read = (len(self._present) + 7) // 8  # of the image's own: a bit for each column that it has
        # the bitmap of a row without NULLs: servers set the bits that belong to no column
        self._none = ((1 << 8 * self._read) - (1 << len(self._present))).to_bytes(self._read, "little")
        self._made: dict[bytes, Cut] = {}

    def cut(self, nulls: bytes, body: bytes, at: int) -> tuple[Row, int]:
        """Cut one row of any pattern of NULLs, whose bitmap lies before ``at``."""
        made = self._made.get(nulls)
        if made is None:
            if len(self._made) >= PATTERNS:
                return self._cut_slowly(nulls, body, at)
            made = self._made[nulls] = self._compiled(nulls)
        return made(body, at)

    def code(self, name: str, nulls: Collection[int] = ()) -> list[str]:
        """Lines that cut at ``p`` of ``b`` into ``name``1, ``name``2… and leave ``p`` behind the row."""
        lines: list[str] = []
        open_parts: dict[int, list[str]] = {}
        at = 0
        for index in self._present:
            width, place = self._widths[index], self.places.get(index)
            part = ""
            if index in nulls:
                part = f"bytes({width.fixed})"
            elif width.fixed:
                part = f"b[p + {at}:p + {at + width.fixed}]"
                at += width.fixed
            else:
                lines += _assigned(name, open_parts)  # while p is where their offsets start
                at += width.prefix
                lines.append(f"q = p + {at} + {_length(at - width.prefix, width.prefix)}")
                if place:
                    lines.append(f"{name}{place.piece} = b[p + {at}:q]")
                lines.append("p = q")
                at = 0
            if part and place:
                open_parts.setdefault(place.piece, []).append(part)
        return [*lines, *_assigned(name, open_parts), f"p += {at}"]

    def row(self, name: str, nulls: str) -> str:
        """Code of the tuple that :meth:`code` prepared."""
        return f"({nulls}, {''.join(f'{name}{piece}, ' for piece in range(1, self.pieces))})"

    def whole(self) -> Whole:
        """A function that cuts rows one after another and says where it stopped."""
        made: Whole = _made(
            "def made(b, p, end, append):",
            " while p < end:",
            f"  x = b[p:p + {self._read}]; p += {self._read}",
            "  if x == NONE:",
            *(f"   {line}" for line in self.code("v")),
            f"   append({self.row('v', 'NULLS')})",
            "  else: row, p = cut(x, b, p); append(row)",
            " return p",
            NONE=self._none,
            NULLS=self._spread(self._none),
            cut=self.cut,
        )
        return made

    def pairs(self, key: Sequence[int]) -> Pairs:
        """A function that cuts pairs of images: the new one, and the old one too when the key differs."""
        old = Image(self._widths, key, self._present)
        mask = bytearray(self._read)
        for bit in (self._present.index(index) for index in key):
            mask[bit >> 3] |= 1 << (bit & 7)
        before, after = (
            f"({''.join(image.places[index].of(name) + ', ' for index in key)})"
            for image, name in ((old, "k"), (self, "v"))
        )
        made: Pairs = _made(
            "def made(b, p, end, append):",
            " runs = []; n = 0",
            " while p < end:",
            f"  s = p; x = b[p:p + {self._read}]; p += {self._read}",
            "  if x == NONE:",
            *(f"   {line}" for line in old.code("k")),
            f"   k = {old.row('k', 'x')}",
            "  else: k, p = cut_key(x, b, p)",
            f"  y = b[p:p + {self._read}]; p += {self._read}",
            "  if y == NONE:",
            *(f"   {line}" for line in self.code("v")),
            f"   v = {self.row('v', 'NULLS')}",
            "  else: v, p = cut(y, b, p)",
            f"  if {before} == {after} and (x == y or not differ(x, y)): n += 1; append(v)",
            "  else:",
            "   if n: runs.append((n, 'u')); n = 0",
            f"   append(cut(x, b, s + {self._read})[0]); append(v)",
            "   runs.append((1, 'd')); runs.append((1, 'c'))",
            " if n: runs.append((n, 'u'))",
            " return p, runs",
            NONE=self._none,
            NULLS=self._spread(self._none),
            cut=self.cut,
            cut_key=old.cut,
            differ=_differ(bytes(mask)),
        )
        return made

    def _is_null(self, nulls: bytes) -> frozenset[int]:
        """Columns that are NULL by the bitmap of an image."""
        return frozenset(index for bit, index in enumerate(self._present) if nulls[bit >> 3] >> (bit & 7) & 1)

    def _spread(self, nulls: bytes) -> bytes:
        """The bitmap of a cut row: a bit for each column of the table, and those that the image has not are NULL."""
        if len(self._present) == len(self._widths):
            return nulls
        spread = (1 << 8 * self.bitmap) - 1
        for index in set(self._present) - self._is_null(nulls):
            spread -= 1 << index
        return spread.to_bytes(self.bitmap, "little")

    def _compiled(self, nulls: bytes) -> Cut:
        made: Cut = _made(
            "def made(b, p):",
            *(f" {line}" for line in self.code("v", self._is_null(nulls))),
            f" return {self.row('v', 'NULLS')}, p",
            NULLS=self._spread(nulls),
        )
        return made

    def _cut_slowly(self, nulls: bytes, body: bytes, at: int) -> tuple[Row, int]:
        parts = [b""] * self.pieces
        parts[0] = self._spread(nulls)
        missing = self._is_null(nulls)
        for index in self._present:
            width, place = self._widths[index], self.places.get(index)
            value = b""
            if index in missing:
                value = bytes(width.fixed)
            else:
                length = width.fixed
                if width.prefix:
                    length = int.from_bytes(body[at : at + width.prefix], "little")
                    at += width.prefix
                value = body[at : at + length] if place else b""
                at += length
            if place:
                parts[place.piece] += value
        return tuple(parts), at


def _places(widths: Sequence[Width], wanted: Collection[int]) -> dict[int, Place]:
    found: dict[int, Place] = {}
    piece, start = 0, 0
    for index, width in enumerate(widths):
        if index not in wanted:
            start = 0
            continue
        if not width.fixed or not start:
            piece += 1
            start = 0
        found[index] = Place(piece=piece, start=start, width=width.fixed)
        start = start + width.fixed if width.fixed else 0
    return found


def _sizes(places: Mapping[int, Place]) -> dict[int, int]:
    """Bytes of each piece of fixed width."""
    found: dict[int, int] = {}
    for place in places.values():
        if place.width:
            found[place.piece] = place.start + place.width
    return found


def _assigned(name: str, parts: dict[int, list[str]]) -> list[str]:
    """Lines that make the pieces whose parts are known; neighbours are cut at once."""
    lines = []
    for piece, each in parts.items():
        whole = " + ".join(each)
        while (joined := NEIGHBOURS.sub(r"b[p + \1:p + \3]", whole, count=1)) != whole:
            whole = joined
        lines.append(f"{name}{piece} = {whole}")
    parts.clear()
    return lines


def _length(at: int, size: int) -> str:
    """Code of a length of some bytes at an offset from ``p``."""
    if size > 2:
        return f'int.from_bytes(b[p + {at}:p + {at + size}], "little")'
    return f"b[p + {at}]" if size == 1 else f"(b[p + {at}] | b[p + {at + 1}] << 8)"


def _differ(mask: bytes) -> Callable[[bytes, bytes], bool]:
    """Whether two NULL bitmaps differ in columns of the key."""
    return lambda first, second: any((a ^ b) & c for a, b, c in zip(first, second, mask, strict=True))


def _made(*lines: str, **known: Any) -> Any:
    """The function of some lines, which are ours: made of numbers, and never of a name."""
    exec("\n".join(lines), known)  # noqa: S102
    return known["made"]
