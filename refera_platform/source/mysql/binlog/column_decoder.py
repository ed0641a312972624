"""Whole columns of values as the log holds them, turned into Arrow by numpy: a value is met alone only if it must be.

Formats: "Rows event" of the MySQL internals and what MariaDB 10.11 writes. Dates and times are ``temporal``'s,
decimals ``decimals``'.

    pieces of a column + which are not NULL ──▶ a ``Converter`` ──▶ Arrow array, values that no type holds
"""

import ipaddress
import uuid
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from refera_platform.errors import SourceError
from refera_platform.source import arrow
from refera_platform.source.hashing import hashed

Matrix = npt.NDArray[np.uint8]
"""Values of fixed width: a row of bytes each, zeros for NULL."""
Texts = Sequence[bytes]
"""Values of their own length each, empty for NULL."""
Numbers = npt.NDArray[np.int64]
Converted = tuple[arrow.Array, int]
"""An Arrow array, and how many values became NULL because no type holds them."""
Converter = Callable[[Any, arrow.Validity], Converted]
"""Takes a ``Matrix`` or ``Texts``, as the column's width is fixed or not."""
Teller = Callable[[Any, arrow.Validity], Texts]
"""Tells the same as texts; NULL is empty."""
Change = Callable[[bytes], bytes]
FIRST_YEAR = 1900
SRID = 4
"""Bytes in front of a geometry."""
PRINTED = {"uuid": 16, "inet6": 16, "inet4": 4}
"""Bytes of MariaDB's types that are printed; the log leaves out their last zeros."""
ZLIB, RAW = 8, 8
"""Method and flag of MariaDB's compressed columns."""


def plain(dtype: str) -> Converter:
    """Whole or floating numbers as the machine has them."""
    return lambda data, valid: (arrow.numbers(numbers(data, dtype), valid=valid), 0)


def numbers(data: Matrix, dtype: str) -> npt.NDArray[Any]:
    """Numbers with the lowest byte first; as many bytes as they have, or fewer."""
    kind = np.dtype(dtype)
    missing = kind.itemsize - data.shape[1]
    if missing:
        sign = 0 if kind.kind == "u" else (data[:, -1:] >> 7) * np.uint8(255)
        data = np.hstack([data, np.broadcast_to(sign, (len(data), missing)).astype(np.uint8)])
    return np.ascontiguousarray(data).view(kind.newbyteorder("<")).reshape(len(data))


def big_endian(data: Matrix, dtype: type[np.generic] = np.int64) -> npt.NDArray[Any]:
    """Unsigned numbers with the highest byte first."""
    total = np.zeros(len(data), dtype=dtype)
    for index in range(data.shape[1]):
        total = total << dtype(8) | data[:, index].astype(dtype)
    return total


def bits(data: Matrix, valid: arrow.Validity) -> Converted:
    """BIT."""
    return arrow.numbers(big_endian(data, np.uint64), valid=valid), 0


def year(*, short: bool) -> Converter:
    """YEAR: years since 1900, and zero; the server shows YEAR(2) without its century."""

    def convert(data: Matrix, valid: arrow.Validity) -> Converted:
        since = data[:, 0].astype(np.uint16)
        years = since % 100 if short else np.where(since == 0, 0, since + FIRST_YEAR).astype(np.uint16)
        return arrow.numbers(years, valid=valid), 0

    return convert


def texts(name: str, change: Change | None = None) -> Converter:
    """Texts in UTF-8, or what ``change`` makes UTF-8 of; ``name`` is what an error calls the column."""

    def convert(data: Texts, valid: arrow.Validity) -> Converted:
        there = present(data, valid, change)
        return arrow.joined_texts(b"".join(there), _lengths(there), valid, name=name), 0

    return convert


def binaries(change: Change | None = None) -> Converter:
    """Bytes."""

    def convert(data: Texts, valid: arrow.Validity) -> Converted:
        there = present(data, valid, change)
        return arrow.joined_binaries(b"".join(there), _lengths(there), valid), 0

    return convert


def present(data: Texts, valid: arrow.Validity, change: Change | None = None) -> Texts:
    """Changed values; NULL stays empty."""
    if change is None:
        return data
    if valid is None:
        return [change(value) for value in data]
    return [change(value) if is_there else b"" for value, is_there in zip(data, valid.tolist(), strict=True)]


def _lengths(data: Texts) -> Numbers:
    return np.fromiter(map(len, data), dtype=np.int64, count=len(data))


class Listed:
    """ENUM and SET: numbers that stand for members."""

    def __init__(self, members: Sequence[bytes], name: str, *, is_set: bool) -> None:
        self._members = members
        self._name = name
        self._is_set = is_set

    def __call__(self, data: Matrix, valid: arrow.Validity) -> Converted:
        """Convert, as a ``Converter`` does."""
        return texts(self._name)(self.texts(data, valid), valid)

    def texts(self, data: Matrix, valid: arrow.Validity) -> Texts:
        """What the server prints."""
        kinds, which = np.unique(numbers(data, "uint64"), return_inverse=True)
        prints = [self._printed(number) for number in kinds.tolist()]
        found = [prints[index] for index in which.reshape(-1).tolist()]
        return found if valid is None else present(found, valid, bytes)

    def _printed(self, number: int) -> bytes:
        members = self._members
        if number >> len(members) if self._is_set else number > len(members):
            raise SourceError(
                f"{self._name} holds other members in the log than the {len(members)} that it has now:",
                "set global binlog_row_metadata = FULL, and `refera resnapshot` the table.",
            )
        if not self._is_set:  # zero stands for a value that was no member
            return members[number - 1] if number else b""
        return b",".join([member for index, member in enumerate(members) if number >> index & 1])


def hashing(tell: Teller, key: bytes) -> Converter:
    """Keyed hashes of texts."""

    def convert(data: Any, valid: arrow.Validity) -> Converted:
        values: Sequence[bytes | None] = tell(data, valid)
        if valid is not None:
            values = [value if there else None for value, there in zip(values, valid.tolist(), strict=True)]
        return arrow.texts(hashed(key, values)), 0

    return convert


def digits(dtype: str) -> Teller:
    """Whole numbers as decimal digits."""
    return lambda data, valid: [b"%d" % number for number in numbers(data, dtype).tolist()]


def padded(width: int) -> Change:
    """BINARY(n) with the zeros that the log leaves out."""
    return lambda value: value.ljust(width, b"\0")


def well_known(value: bytes) -> bytes:
    """A geometry in WKB, without the number of its reference system."""
    return value[SRID:]


def printed(kind: str) -> Change:
    """The text of a UUID, INET4 or INET6."""

    def of(value: bytes) -> bytes:
        whole = value.ljust(PRINTED[kind], b"\0")
        if kind == "uuid":
            return str(uuid.UUID(bytes=whole)).encode()
        return str(ipaddress.IPv4Address(whole)).encode() if kind == "inet4" else inet6(whole)

    return of


def inet6(value: bytes) -> bytes:
    """An IPv6 address as MariaDB prints it: unlike Python, it shortens a single zero and shows IPv4 within."""
    words = [f"{value[at] << 8 | value[at + 1]:x}" for at in range(0, len(value), 2)]
    gap, at = (-1, 0), 0
    while at < len(words):
        zeros = next((end for end in range(at, len(words)) if words[end] != "0"), len(words)) - at
        gap = (at, zeros) if zeros > gap[1] else gap
        at += zeros + 1
    start, zeros = gap
    if start == 0 and (zeros == 6 or (zeros == 5 and words[5] == "ffff")):
        words = [*words[:6], str(ipaddress.IPv4Address(value[12:]))]
    if not zeros:
        return ":".join(words).encode()
    return f"{':'.join(words[:start])}::{':'.join(words[start + zeros :])}".encode()


def uncompressed(value: bytes) -> bytes:
    """A value of a MariaDB column that is COMPRESSED: nothing, as it is behind a zero, or behind its length.

    Raises:
        SourceError: for a way of compressing that is not known.
    """
    if not value or not value[0]:
        return value[1:]
    if value[0] >> 4 != ZLIB:
        raise SourceError(
            "A compressed column is compressed in a way that is not known:", "choose strategy compare for the table."
        )
    return zlib.decompress(value[1 + (value[0] & 7) :], -zlib.MAX_WBITS if value[0] & RAW else zlib.MAX_WBITS)
