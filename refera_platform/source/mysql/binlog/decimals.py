"""DECIMAL as the log holds it: groups of nine digits, the highest first, inverted when negative.

bytes ──▶ decimal() ──▶ exact decimals of up to 38 digits, texts beyond
"""

import nanoarrow as na
import numpy as np
import numpy.typing as npt

from refera_platform.source import arrow
from refera_platform.source.mysql.binlog.column_decoder import (
    Converted,
    Converter,
    Matrix,
    Numbers,
    big_endian,
    texts,
)
from refera_platform.source.types import WIDEST_DECIMAL

GROUP = 9
"""Digits of a whole group."""
GROUP_BYTES = (0, 1, 1, 2, 2, 3, 3, 4, 4, 4)
"""Bytes that hold so many digits."""
EXACT_IN_64 = 18
LOW = np.uint64(0xFFFFFFFF)
HALF = np.uint64(32)


def decimal_bytes(precision: int, scale: int) -> int:
    """Bytes of a value."""
    return sum(GROUP_BYTES[digits] for digits in _groups(precision, scale))


def decimal(precision: int, scale: int, name: str = "", *, zerofill: bool = False) -> Converter:
    """DECIMAL(precision, scale).

    Args:
        precision: Digits altogether.
        scale: Digits behind the point.
        name: What an error calls the column.
        zerofill: Whether the server prints leading zeros; only texts show them.
    """

    def convert(data: Matrix, valid: arrow.Validity) -> Converted:
        negative, groups = _split(data, precision, scale)
        if precision > WIDEST_DECIMAL:
            least = precision - scale if zerofill else 1
            return texts(name)(_printed(negative, groups, precision, scale, least), valid)
        joined = _in_64 if precision <= EXACT_IN_64 else _in_128
        return arrow.numbers(joined(negative, groups), valid=valid, kind=na.decimal128(precision, scale)), 0

    return convert


def decimal_text(data: bytes, precision: int, scale: int) -> bytes:
    """One value as the server prints it."""
    negative, groups = _split(np.frombuffer(data, dtype=np.uint8).reshape(1, -1), precision, scale)
    return _printed(negative, groups, precision, scale, 1)[0]


def _groups(precision: int, scale: int) -> list[int]:
    """Digits of each group; the short ones are outermost."""
    ahead = precision - scale
    return [ahead % GROUP, *[GROUP] * (ahead // GROUP), *[GROUP] * (scale // GROUP), scale % GROUP]


def _split(data: Matrix, precision: int, scale: int) -> tuple[npt.NDArray[np.bool_], list[tuple[int, Numbers]]]:
    """Which values are negative, and digits and numbers of each group."""
    negative = data[:, 0] < 128
    data = data.copy()
    data[:, 0] ^= 0x80
    data[negative] ^= 0xFF
    found, at = [], 0
    for digits in _groups(precision, scale):
        if digits:
            found.append((digits, big_endian(data[:, at : at + GROUP_BYTES[digits]])))
            at += GROUP_BYTES[digits]
    return negative, found


def _in_64(negative: npt.NDArray[np.bool_], groups: list[tuple[int, Numbers]]) -> Numbers:
    """Numbers of 128 bits whose values fit in 64."""
    total = np.zeros(len(negative), dtype=np.int64)
    for digits, group in groups:
        total = total * 10**digits + group
    total = np.where(negative, -total, total)
    return np.column_stack([total, total >> 63])


def _in_128(negative: npt.NDArray[np.bool_], groups: list[tuple[int, Numbers]]) -> Numbers:
    """Numbers of 128 bits: times a thousand million in two halves of 64."""
    low, high = np.zeros(len(negative), dtype=np.uint64), np.zeros(len(negative), dtype=np.uint64)
    for digits, group in groups:
        factor = np.uint64(10**digits)
        first = (low & LOW) * factor + group.astype(np.uint64)
        second = (low >> HALF) * factor + (first >> HALF)
        low = second << HALF | first & LOW
        high = high * factor + (second >> HALF)
    low = np.where(negative, ~low + np.uint64(1), low)
    high = np.where(negative, ~high + (low == 0), high)
    return np.column_stack([low, high]).view(np.int64)


def _printed(
    negative: npt.NDArray[np.bool_], groups: list[tuple[int, Numbers]], precision: int, scale: int, least: int
) -> list[bytes]:
    """As the server prints them: no leading zeros but one, all digits of the fraction."""
    found = []
    for is_negative, *parts in zip(negative.tolist(), *(group.tolist() for _, group in groups), strict=True):
        digits = "".join([f"{part:0{size}d}" for part, (size, _) in zip(parts, groups, strict=True)])
        whole = digits[: precision - scale].lstrip("0").rjust(least, "0")
        point = "." if scale else ""
        found.append(f"{'-' if is_negative else ''}{whole}{point}{digits[precision - scale :]}".encode())
    return found
