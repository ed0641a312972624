"""Column decoders: turn all values of a binlog column into one Arrow array, with numpy where the type allows it.

Formats: "Rows event" of the MySQL internals and what MariaDB 10.11 writes. Dates and times are in ``temporal``,
decimals in ``decimals``. Which decoder a column gets is chosen in ``column_codec``.

    bytes of a column + validity ──▶ ``ColumnDecoder`` ──▶ Arrow array, number of values that no type holds
"""

import ipaddress
import uuid
import zlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from refera_platform.errors import SourceError
from refera_platform.source import arrow
from refera_platform.source.hashing import hash_values
from refera_platform.source.types import SRID_BYTES

Matrix = npt.NDArray[np.uint8]
"""Fixed-width values: one row of bytes each, zeros for NULL."""
Texts = Sequence[bytes]
"""Variable-width values, empty for NULL."""
Numbers = npt.NDArray[np.int64]
DecodedColumn = tuple[arrow.Array, int]
"""An Arrow array, and how many values became NULL because no type holds them."""
ColumnDecoder = Callable[[Any, arrow.Validity], DecodedColumn]
"""Takes a ``Matrix`` for a fixed-width column, else ``Texts``."""
TextDecoder = Callable[[Any, arrow.Validity], Texts]
"""Decodes to texts instead of Arrow; NULL is empty."""
ByteTransform = Callable[[bytes], bytes]
FIRST_YEAR = 1900
PRINTED_TYPE_BYTES = {"uuid": 16, "inet6": 16, "inet4": 4}
"""Bytes of MariaDB's UUID and INET types; the binlog leaves out trailing zeros."""
ZLIB_METHOD, RAW_DEFLATE_FLAG = 8, 8
"""Method and flag of MariaDB's compressed columns."""


def number_decoder(dtype: str) -> ColumnDecoder:
    """Decoder of integers or floats in the machine's own byte order."""
    return partial(_decode_numbers, dtype=dtype)


def _decode_numbers(data: Matrix, valid: arrow.Validity, *, dtype: str) -> DecodedColumn:
    return arrow.number_array(little_endian_numbers(data, dtype), valid=valid), 0


def little_endian_numbers(data: Matrix, dtype: str) -> npt.NDArray[Any]:
    """Little-endian numbers; values may have fewer bytes than the type."""
    numpy_type = np.dtype(dtype)
    missing_bytes = numpy_type.itemsize - data.shape[1]
    if missing_bytes:
        sign = 0 if numpy_type.kind == "u" else (data[:, -1:] >> 7) * np.uint8(255)
        data = np.hstack([data, np.broadcast_to(sign, (len(data), missing_bytes)).astype(np.uint8)])
    return np.ascontiguousarray(data).view(numpy_type.newbyteorder("<")).reshape(len(data))


def big_endian_numbers(data: Matrix, dtype: type[np.generic] = np.int64) -> npt.NDArray[Any]:
    """Unsigned big-endian numbers."""
    total = np.zeros(len(data), dtype=dtype)
    for index in range(data.shape[1]):
        total = total << dtype(8) | data[:, index].astype(dtype)
    return total


def decode_bits(data: Matrix, valid: arrow.Validity) -> DecodedColumn:
    """BIT: unsigned big-endian."""
    return arrow.number_array(big_endian_numbers(data, np.uint64), valid=valid), 0


def year_decoder(*, short: bool) -> ColumnDecoder:
    """YEAR: years since 1900, or zero; the server shows YEAR(2) without its century."""

    def decode(data: Matrix, valid: arrow.Validity) -> DecodedColumn:
        years_since_1900 = data[:, 0].astype(np.uint16)
        years = (
            years_since_1900 % 100
            if short
            else np.where(years_since_1900 == 0, 0, years_since_1900 + FIRST_YEAR).astype(np.uint16)
        )
        return arrow.number_array(years, valid=valid), 0

    return decode


def text_decoder(name: str, transform: ByteTransform | None = None) -> ColumnDecoder:
    """Decoder of texts that are UTF-8, or become so by ``transform``; ``name`` is the column's name in errors."""

    def decode(data: Texts, valid: arrow.Validity) -> DecodedColumn:
        values = transform_present(data, valid, transform)
        return arrow.joined_text_array(b"".join(values), _lengths(values), valid, name=name), 0

    return decode


def binary_decoder(transform: ByteTransform | None = None) -> ColumnDecoder:
    """Decoder of binary values."""

    def decode(data: Texts, valid: arrow.Validity) -> DecodedColumn:
        values = transform_present(data, valid, transform)
        return arrow.joined_binary_array(b"".join(values), _lengths(values), valid), 0

    return decode


def transform_present(data: Texts, valid: arrow.Validity, transform: ByteTransform | None = None) -> Texts:
    """Apply ``transform`` to the values that are not NULL; NULL stays empty."""
    if transform is None:
        return data
    if valid is None:
        return [transform(value) for value in data]
    return [transform(value) if is_valid else b"" for value, is_valid in zip(data, valid.tolist(), strict=True)]


def _lengths(data: Texts) -> Numbers:
    return np.fromiter(map(len, data), dtype=np.int64, count=len(data))


class MemberDecoder:
    """Decoder of ENUM and SET: numbers that stand for members."""

    def __init__(self, members: Sequence[bytes], name: str, *, is_set: bool) -> None:
        self._members = members
        self._name = name
        self._is_set = is_set

    def __call__(self, data: Matrix, valid: arrow.Validity) -> DecodedColumn:
        """Decode to Arrow, as a ``ColumnDecoder``."""
        return text_decoder(self._name)(self.to_texts(data, valid), valid)

    def to_texts(self, data: Matrix, valid: arrow.Validity) -> Texts:
        """Decode to the text that the server prints, as a ``TextDecoder``."""
        distinct_numbers, indexes = np.unique(little_endian_numbers(data, "uint64"), return_inverse=True)
        distinct_texts = [self._member_text(number) for number in distinct_numbers.tolist()]
        texts_by_row = [distinct_texts[index] for index in indexes.reshape(-1).tolist()]
        return texts_by_row if valid is None else transform_present(texts_by_row, valid, bytes)

    def _member_text(self, number: int) -> bytes:
        members = self._members
        if number >> len(members) if self._is_set else number > len(members):
            raise SourceError(
                f"{self._name} holds other members in the binlog than the {len(members)} that it has now:",
                "set global binlog_row_metadata = FULL, and `refera resnapshot` the table.",
            )
        if not self._is_set:  # zero stands for an invalid value
            return members[number - 1] if number else b""
        return b",".join([member for index, member in enumerate(members) if number >> index & 1])


def hash_decoder(to_texts: TextDecoder, key: bytes) -> ColumnDecoder:
    """Decoder of keyed hashes: hashes the texts that ``to_texts`` decodes."""

    def decode(data: Any, valid: arrow.Validity) -> DecodedColumn:
        values: Sequence[bytes | None] = to_texts(data, valid)
        if valid is not None:
            values = [value if is_valid else None for value, is_valid in zip(values, valid.tolist(), strict=True)]
        return arrow.text_array(hash_values(key, values)), 0

    return decode


def decimal_digit_texts(dtype: str) -> TextDecoder:
    """Decoder of whole numbers as decimal digits."""
    return partial(_digit_texts, dtype=dtype)


def _digit_texts(data: Matrix, _valid: arrow.Validity, *, dtype: str) -> Texts:
    return [b"%d" % number for number in little_endian_numbers(data, dtype).tolist()]


def zero_padder(width: int) -> ByteTransform:
    """Appends the trailing zeros of BINARY(n) that the binlog leaves out."""
    return partial(_pad_zeros, width=width)


def _pad_zeros(value: bytes, *, width: int) -> bytes:
    return value.ljust(width, b"\0")


def strip_srid(value: bytes) -> bytes:
    """WKB of a geometry, without the SRID in front of it."""
    return value[SRID_BYTES:]


def address_printer(kind: str) -> ByteTransform:
    """Prints a UUID, INET4 or INET6 as text."""

    def print_address(value: bytes) -> bytes:
        padded_value = value.ljust(PRINTED_TYPE_BYTES[kind], b"\0")
        if kind == "uuid":
            return str(uuid.UUID(bytes=padded_value)).encode()
        return str(ipaddress.IPv4Address(padded_value)).encode() if kind == "inet4" else inet6_text(padded_value)

    return print_address


def inet6_text(value: bytes) -> bytes:
    """An IPv6 address as MariaDB prints it: unlike Python, it shortens a single zero group and shows embedded IPv4."""
    groups = [f"{value[index] << 8 | value[index + 1]:x}" for index in range(0, len(value), 2)]
    longest_zeros, index = (-1, 0), 0
    while index < len(groups):
        zeros = next((end for end in range(index, len(groups)) if groups[end] != "0"), len(groups)) - index
        longest_zeros = (index, zeros) if zeros > longest_zeros[1] else longest_zeros
        index += zeros + 1
    start, zeros = longest_zeros
    if start == 0 and (zeros == 6 or (zeros == 5 and groups[5] == "ffff")):
        groups = [*groups[:6], str(ipaddress.IPv4Address(value[12:]))]
    if not zeros:
        return ":".join(groups).encode()
    return f"{':'.join(groups[:start])}::{':'.join(groups[start + zeros :])}".encode()


def decompress_column_value(value: bytes) -> bytes:
    """Decompress a value of a COMPRESSED column of MariaDB: empty, stored behind a zero byte, or zlib data.

    Raises:
        SourceError: for an unknown compression method.
    """
    if not value or not value[0]:
        return value[1:]
    if value[0] >> 4 != ZLIB_METHOD:
        raise SourceError(
            "A compressed column is compressed in a way that is not known:", "choose strategy compare for the table."
        )
    return zlib.decompress(
        value[1 + (value[0] & 7) :], -zlib.MAX_WBITS if value[0] & RAW_DEFLATE_FLAG else zlib.MAX_WBITS
    )
