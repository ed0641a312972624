"""Dates and times as the log holds them since MySQL 5.6, a whole column at once.

bytes of DATE, DATETIME, TIMESTAMP, TIME ──▶ days or microseconds, dates that no calendar has
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
    numbers,
)

SECOND = 1_000_000
DAY = 86_400
MONTHS = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 0, 0, 0], dtype=np.int64)
DATETIME_BYTES, TIMESTAMP_BYTES, TIME_BYTES = 5, 4, 3
"""Bytes before the fraction."""


def fraction_bytes(digits: int) -> int:
    """Bytes of a fraction: two digits each."""
    return (digits + 1) // 2


def date(data: Matrix, valid: arrow.Validity) -> Converted:
    """DATE: day, month and year in three bytes."""
    packed = numbers(data, "uint32").astype(np.int64)
    days, valid, odd = _days(packed >> 9, packed >> 5 & 15, packed & 31, valid)
    return arrow.numbers(days.astype(np.int32), valid=valid, kind=na.date32()), odd


def datetime(data: Matrix, valid: arrow.Validity) -> Converted:
    """DATETIME: thirteen months a year, and a clock."""
    packed = big_endian(data[:, :DATETIME_BYTES]) - (1 << 39)
    months = packed >> 22
    days, valid, odd = _days(months // 13, months % 13, packed >> 17 & 31, valid)
    micros = (days * DAY + _clock(packed, 31)) * SECOND + _fraction(data[:, DATETIME_BYTES:])
    return arrow.numbers(micros, valid=valid, kind=na.timestamp("us")), odd


def timestamp(data: Matrix, valid: arrow.Validity) -> Converted:
    """TIMESTAMP: seconds since 1970 in UTC; the very first instant stands for no date."""
    micros = big_endian(data[:, :TIMESTAMP_BYTES]) * SECOND + _fraction(data[:, TIMESTAMP_BYTES:])
    valid, odd = _without(valid, micros == 0)
    return arrow.numbers(micros, valid=valid, kind=na.timestamp("us", "UTC")), odd


def time(data: Matrix, valid: arrow.Validity) -> Converted:
    """TIME: clock and fraction are one signed number."""
    fraction = data.shape[1] - TIME_BYTES
    packed = big_endian(data) - (1 << (8 * data.shape[1] - 1))
    size = np.abs(packed)
    micros = _clock(size >> 8 * fraction, 1023) * SECOND
    micros += (size & (1 << 8 * fraction) - 1) * 100 ** (3 - fraction)
    return arrow.numbers(np.where(packed < 0, -micros, micros), valid=valid), 0


TIMES: dict[str, Converter] = {"date": date, "datetime": datetime, "timestamp": timestamp, "time": time}


def _clock(packed: Numbers, hours: int) -> Numbers:
    """Seconds of a packed clock."""
    seconds: Numbers = (packed >> 12 & hours) * 3600 + (packed >> 6 & 63) * 60 + (packed & 63)
    return seconds


def _fraction(data: Matrix) -> Numbers:
    """Microseconds of a fraction; zero of none."""
    micros: Numbers = big_endian(data) * 100 ** (3 - data.shape[1])
    return micros


def _without(valid: arrow.Validity, odd: npt.NDArray[np.bool_]) -> tuple[arrow.Validity, int]:
    """Validity without the odd values, and how many those are."""
    if valid is not None:
        odd = odd & valid
    count = int(np.count_nonzero(odd))
    if not count:
        return valid, 0
    return (~odd if valid is None else valid & ~odd), count


def _days(years: Numbers, months: Numbers, days: Numbers, valid: arrow.Validity) -> tuple[Numbers, arrow.Validity, int]:
    """Days since 1970 of Gregorian dates, and which of them a calendar has (Howard Hinnant's ``days_from_civil``)."""
    # the server counts no leap day in year zero
    leap = (years % 4 == 0) & ((years % 100 != 0) | (years % 400 == 0)) & (years > 0)
    valid, odd = _without(valid, (months == 0) | (days == 0) | (days > MONTHS[months] + ((months == 2) & leap)))
    shifted = years - (months <= 2)
    era = shifted // 400
    of_era = shifted - era * 400
    of_year = (153 * (months + np.where(months > 2, -3, 9)) + 2) // 5 + days - 1
    return (
        era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468,
        valid,
        odd,
    )
