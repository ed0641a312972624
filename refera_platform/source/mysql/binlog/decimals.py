"""Decoder of DECIMAL in the binlog's format: big-endian groups of nine digits, inverted when negative.

bytes ──▶ decimal_decoder() ──▶ exact Arrow decimals of up to 38 digits, texts beyond
"""

import nanoarrow as na
import numpy as np
import numpy.typing as npt

from refera_platform.source import arrow
from refera_platform.source.mysql.binlog.column_decoder import (
    ColumnDecoder,
    DecodedColumn,
    Matrix,
    Numbers,
    big_endian_numbers,
    text_decoder,
)
from refera_platform.source.types import MAX_DECIMAL_DIGITS

GROUP_DIGITS = 9
"""Digits of a full group."""
BYTES_BY_DIGITS = (0, 1, 1, 2, 2, 3, 3, 4, 4, 4)
"""Bytes of a group, by its number of digits."""
MAX_INT64_DIGITS = 18
LOW_32_BITS = np.uint64(0xFFFFFFFF)
HALF_WIDTH_BITS = np.uint64(32)


def decimal_bytes(precision: int, scale: int) -> int:
    """Bytes of a value."""
    return sum(BYTES_BY_DIGITS[digits] for digits in _group_digits(precision, scale))


def decimal_decoder(precision: int, scale: int, name: str = "", *, zerofill: bool = False) -> ColumnDecoder:
    """Decoder of DECIMAL(precision, scale).

    Args:
        precision: Digits in all.
        scale: Digits behind the point.
        name: Name of the column in errors.
        zerofill: Whether the server prints leading zeros; only matters for texts.
    """

    def decode(data: Matrix, valid: arrow.Validity) -> DecodedColumn:
        negative, groups = _split_groups(data, precision, scale)
        if precision > MAX_DECIMAL_DIGITS:
            min_whole_digits = precision - scale if zerofill else 1
            return text_decoder(name)(_decimal_texts(negative, groups, precision, scale, min_whole_digits), valid)
        unscaled_values = _unscaled_from_64_bits if precision <= MAX_INT64_DIGITS else _unscaled_from_128_bits
        return arrow.number_array(
            unscaled_values(negative, groups), valid=valid, kind=na.decimal128(precision, scale)
        ), 0

    return decode


def decimal_text(data: bytes, precision: int, scale: int) -> bytes:
    """One value as the server prints it."""
    negative, groups = _split_groups(np.frombuffer(data, dtype=np.uint8).reshape(1, -1), precision, scale)
    return _decimal_texts(negative, groups, precision, scale, 1)[0]


def _group_digits(precision: int, scale: int) -> list[int]:
    """Digits of each group; the first and the last group of a number may be shorter."""
    whole_digits = precision - scale
    return [
        whole_digits % GROUP_DIGITS,
        *[GROUP_DIGITS] * (whole_digits // GROUP_DIGITS),
        *[GROUP_DIGITS] * (scale // GROUP_DIGITS),
        scale % GROUP_DIGITS,
    ]


def _split_groups(data: Matrix, precision: int, scale: int) -> tuple[npt.NDArray[np.bool_], list[tuple[int, Numbers]]]:
    """Which values are negative; and for each group its digits and its numbers."""
    negative = data[:, 0] < 128
    data = data.copy()
    data[:, 0] ^= 0x80
    data[negative] ^= 0xFF
    groups, offset = [], 0
    for digits in _group_digits(precision, scale):
        if digits:
            groups.append((digits, big_endian_numbers(data[:, offset : offset + BYTES_BY_DIGITS[digits]])))
            offset += BYTES_BY_DIGITS[digits]
    return negative, groups


def _unscaled_from_64_bits(negative: npt.NDArray[np.bool_], groups: list[tuple[int, Numbers]]) -> Numbers:
    """128-bit numbers whose values fit in 64 bits."""
    total = np.zeros(len(negative), dtype=np.int64)
    for digits, group in groups:
        total = total * 10**digits + group
    total = np.where(negative, -total, total)
    return np.column_stack([total, total >> 63])


def _unscaled_from_128_bits(negative: npt.NDArray[np.bool_], groups: list[tuple[int, Numbers]]) -> Numbers:
    """128-bit numbers, multiplied and added in two halves of 64 bits."""
    low, high = np.zeros(len(negative), dtype=np.uint64), np.zeros(len(negative), dtype=np.uint64)
    for digits, group in groups:
        factor = np.uint64(10**digits)
        first = (low & LOW_32_BITS) * factor + group.astype(np.uint64)
        second = (low >> HALF_WIDTH_BITS) * factor + (first >> HALF_WIDTH_BITS)
        low = second << HALF_WIDTH_BITS | first & LOW_32_BITS
        high = high * factor + (second >> HALF_WIDTH_BITS)
    low = np.where(negative, ~low + np.uint64(1), low)
    high = np.where(negative, ~high + (low == 0), high)
    return np.column_stack([low, high]).view(np.int64)


def _decimal_texts(
    negative: npt.NDArray[np.bool_],
    groups: list[tuple[int, Numbers]],
    precision: int,
    scale: int,
    min_whole_digits: int,
) -> list[bytes]:
    """Texts as the server prints them: at least ``min_whole_digits`` before the point, all digits of the fraction."""
    printed_values = []
    for is_negative, *parts in zip(negative.tolist(), *(group.tolist() for _, group in groups), strict=True):
        digits = "".join([f"{part:0{size}d}" for part, (size, _) in zip(parts, groups, strict=True)])
        whole = digits[: precision - scale].lstrip("0").rjust(min_whole_digits, "0")
        point = "." if scale else ""
        printed_values.append(f"{'-' if is_negative else ''}{whole}{point}{digits[precision - scale :]}".encode())
    return printed_values
