"""Decoders of DATE, DATETIME, TIMESTAMP and TIME in the binlog's format since MySQL 5.6, a whole column at once.

bytes ──▶ decode_date(), … ──▶ Arrow array of days or microseconds, number of invalid dates (kept as NULL)
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
    little_endian_numbers,
)

MICROSECONDS_PER_SECOND = 1_000_000
SECONDS_PER_DAY = 86_400
DAYS_BY_MONTH = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 0, 0, 0], dtype=np.int64)
DATETIME_BYTES, TIMESTAMP_BYTES, TIME_BYTES = 5, 4, 3
"""Bytes without the fraction."""


def fraction_bytes(digits: int) -> int:
    """Bytes of a fraction: one for every two digits."""
    return (digits + 1) // 2


def decode_date(data: Matrix, valid: arrow.Validity) -> DecodedColumn:
    """DATE: day, month and year in three bytes."""
    packed = little_endian_numbers(data, "uint32").astype(np.int64)
    days, valid, invalid_count = _days_since_1970(packed >> 9, packed >> 5 & 15, packed & 31, valid)
    return arrow.number_array(days.astype(np.int32), valid=valid, kind=na.date32()), invalid_count


def decode_datetime(data: Matrix, valid: arrow.Validity) -> DecodedColumn:
    """DATETIME: year * 13 + month, day and time of day."""
    packed = big_endian_numbers(data[:, :DATETIME_BYTES]) - (1 << 39)
    months = packed >> 22
    days, valid, invalid_count = _days_since_1970(months // 13, months % 13, packed >> 17 & 31, valid)
    micros = (days * SECONDS_PER_DAY + _clock_seconds(packed, 31)) * MICROSECONDS_PER_SECOND + _fraction_micros(
        data[:, DATETIME_BYTES:]
    )
    return arrow.number_array(micros, valid=valid, kind=na.timestamp("us")), invalid_count


def decode_timestamp(data: Matrix, valid: arrow.Validity) -> DecodedColumn:
    """TIMESTAMP: seconds since 1970 in UTC; second 0 stands for the zero date."""
    micros = big_endian_numbers(data[:, :TIMESTAMP_BYTES]) * MICROSECONDS_PER_SECOND + _fraction_micros(
        data[:, TIMESTAMP_BYTES:]
    )
    valid, invalid_count = _without_invalid(valid, micros == 0)
    return arrow.number_array(micros, valid=valid, kind=na.timestamp("us", "UTC")), invalid_count


def decode_time(data: Matrix, valid: arrow.Validity) -> DecodedColumn:
    """TIME: time and fraction as one signed number."""
    fraction_size = data.shape[1] - TIME_BYTES
    packed = big_endian_numbers(data) - (1 << (8 * data.shape[1] - 1))
    size = np.abs(packed)
    micros = _clock_seconds(size >> 8 * fraction_size, 1023) * MICROSECONDS_PER_SECOND
    micros += (size & (1 << 8 * fraction_size) - 1) * 100 ** (3 - fraction_size)
    return arrow.number_array(np.where(packed < 0, -micros, micros), valid=valid), 0


TEMPORAL_DECODERS: dict[str, ColumnDecoder] = {
    "date": decode_date,
    "datetime": decode_datetime,
    "timestamp": decode_timestamp,
    "time": decode_time,
}


def _clock_seconds(packed: Numbers, hours_mask: int) -> Numbers:
    """Seconds of a packed time of day."""
    seconds: Numbers = (packed >> 12 & hours_mask) * 3600 + (packed >> 6 & 63) * 60 + (packed & 63)
    return seconds


def _fraction_micros(data: Matrix) -> Numbers:
    """Microseconds of a fraction; zero when there is none."""
    micros: Numbers = big_endian_numbers(data) * 100 ** (3 - data.shape[1])
    return micros


def _without_invalid(valid: arrow.Validity, is_invalid: npt.NDArray[np.bool_]) -> tuple[arrow.Validity, int]:
    """Validity without the invalid values, and how many those are."""
    if valid is not None:
        is_invalid = is_invalid & valid
    count = int(np.count_nonzero(is_invalid))
    if not count:
        return valid, 0
    return (~is_invalid if valid is None else valid & ~is_invalid), count


def _days_since_1970(
    years: Numbers, months: Numbers, days: Numbers, valid: arrow.Validity
) -> tuple[Numbers, arrow.Validity, int]:
    """Days since 1970 of Gregorian dates, validity, number of invalid dates (Howard Hinnant's ``days_from_civil``)."""
    # the server has no leap day in year zero
    leap = (years % 4 == 0) & ((years % 100 != 0) | (years % 400 == 0)) & (years > 0)
    valid, invalid_count = _without_invalid(
        valid, (months == 0) | (days == 0) | (days > DAYS_BY_MONTH[months] + ((months == 2) & leap))
    )
    shifted = years - (months <= 2)
    era = shifted // 400
    of_era = shifted - era * 400
    of_year = (153 * (months + np.where(months > 2, -3, 9)) + 2) // 5 + days - 1
    return (
        era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468,
        valid,
        invalid_count,
    )
