"""Values of the log as columns: what arrays hold, tried at their edges without a server."""

import zlib
from datetime import date, datetime

import duckdb
import numpy as np
import pytest

from refera_platform.errors import SourceError
from refera_platform.source import arrow
from refera_platform.source.mysql.binlog import column_decoder, temporal
from refera_platform.source.mysql.binlog.decimals import decimal_bytes, decimal_decoder, decimal_text

pytestmark = pytest.mark.unit


def matrix(*rows):
    return np.frombuffer(b"".join(rows), dtype=np.uint8).reshape(len(rows), -1)


def seen(converted, name="a"):
    """What DuckDB sees of a column, and how many values became NULL."""
    array, odd = converted
    with duckdb.connect() as connection:
        connection.register("cut", arrow.ArrowBatch({name: array}, array.length))
        return [row[0] for row in connection.execute("select a from cut").fetchall()], odd


@pytest.mark.parametrize(
    ("dtype", "width"),
    [("int8", 1), ("uint8", 1), ("int16", 2), ("uint16", 2), ("int32", 3), ("uint32", 3), ("int64", 8), ("uint64", 8)],
)
def test_whole_numbers_reach_from_end_to_end(dtype, width):
    signed = dtype.startswith("int")
    edges = [-(1 << 8 * width - 1), -1, 0, (1 << 8 * width - 1) - 1] if signed else [0, 1, (1 << 8 * width) - 1]
    raw = matrix(*(edge.to_bytes(width, "little", signed=signed) for edge in edges))
    assert seen(column_decoder.number_decoder(dtype)(raw, None)) == (edges, 0)
    assert column_decoder.decimal_digit_texts(dtype)(raw, None) == [b"%d" % edge for edge in edges]


def test_null_is_null_and_not_what_stands_in_its_place():
    valid = np.array([True, False, True])
    assert seen(column_decoder.number_decoder("int8")(matrix(b"\1", b"\0", b"\3"), valid)) == ([1, None, 3], 0)
    assert seen(column_decoder.text_decoder("x")([b"a", b"", b""], valid)) == (["a", None, ""], 0)
    assert seen(column_decoder.binary_decoder(column_decoder.zero_padder(2))([b"a", b"", b""], valid)) == (
        [b"a\0", None, b"\0\0"],
        0,
    )
    assert seen(column_decoder.MemberDecoder([b"x"], "x", is_set=False)(matrix(b"\1", b"\0", b"\0"), valid)) == (
        ["x", None, ""],
        0,
    )
    assert seen(
        temporal.decode_date(matrix(b"\0\0\0", b"\0\0\0", (2026 << 9 | 3 << 5 | 10).to_bytes(3, "little")), valid)
    ) == (
        [None, None, date(2026, 3, 10)],
        1,
    )


def test_text_that_is_none_is_refused_by_the_name_of_its_column():
    with pytest.raises(SourceError, match=r"Column shop\.orders\.note holds bytes that are not valid text"):
        column_decoder.text_decoder("Column shop.orders.note")([b"fine", b"\xff"], None)


def test_a_member_that_a_list_does_not_have_is_refused():
    listed = column_decoder.MemberDecoder([b"a", b"b"], "Column x", is_set=True)
    assert seen(listed(matrix(b"\3", b"\2", b"\0"), None)) == (["a,b", "b", ""], 0)
    with pytest.raises(SourceError, match="Column x holds other members in the binlog than the 2"):
        listed(matrix(b"\4"), None)
    with pytest.raises(SourceError, match="than the 1 that it has now"):
        column_decoder.MemberDecoder([b"a"], "Column x", is_set=False)(matrix(b"\2"), None)


def test_sets_of_64_members_are_whole():
    members = [b"m%d" % index for index in range(64)]
    found, _ = seen(
        column_decoder.MemberDecoder(members, "x", is_set=True)(matrix(b"\xff" * 8, b"\0" * 7 + b"\x80"), None)
    )
    assert found == [b",".join(members).decode(), "m63"]


def test_every_day_of_many_years_is_its_day():
    days = np.arange(date(1895, 1, 1).toordinal(), date(2105, 1, 1).toordinal())
    packed = [(day.year << 9 | day.month << 5 | day.day) for day in map(date.fromordinal, days.tolist())]
    found, odd = seen(temporal.decode_date(matrix(*(each.to_bytes(3, "little") for each in packed)), None))
    assert ([day.toordinal() for day in found], odd) == (days.tolist(), 0)


def test_the_first_and_the_last_moment_are_exact():
    def packed(year, month, day, clock, micros):
        whole = ((year * 13 + month) << 5 | day) << 17 | clock
        return (whole + (1 << 39)).to_bytes(5, "big") + micros.to_bytes(3, "big")

    last = packed(9999, 12, 31, 23 << 12 | 59 << 6 | 59, 999_999)
    found, odd = seen(temporal.decode_datetime(matrix(packed(1, 1, 1, 0, 0), last, packed(2025, 2, 29, 0, 0)), None))
    assert (found, odd) == ([datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999_999), None], 1)  # noqa: DTZ001


def test_decimals_are_exact_at_both_ends_of_every_width():
    assert [decimal_bytes(*shape) for shape in ((65, 30), (38, 0), (9, 2), (1, 1))] == [30, 17, 5, 1]
    assert decimal_text(bytes([0x80, 0, 0, 0, 5]), 9, 2) == b"0.05"
    assert decimal_text(bytes([0x7F, 255, 255, 250]), 9, 0) == b"-5"
    raw = (99).to_bytes(1, "big") + (999_999_999).to_bytes(4, "big") * 4
    positive = bytes([raw[0] ^ 0x80]) + raw[1:]
    negative = bytes(byte ^ 0xFF for byte in positive)
    found, _ = seen(decimal_decoder(38, 0)(matrix(positive, negative), None))
    assert [int(value) for value in found] == [10**38 - 1, -(10**38 - 1)]


def test_compressed_values_are_what_was_compressed():
    raw = zlib.compressobj(wbits=-15)
    assert column_decoder.decompress_column_value(b"") == b""
    assert column_decoder.decompress_column_value(b"\0short") == b"short"
    assert (
        column_decoder.decompress_column_value(b"\x8a\x01\x2c" + raw.compress(b"a" * 300) + raw.flush()) == b"a" * 300
    )
    assert column_decoder.decompress_column_value(b"\x81\xc8" + zlib.compress(b"b" * 200)) == b"b" * 200
    with pytest.raises(SourceError, match="compressed in a way that is not known"):
        column_decoder.decompress_column_value(b"\x51\x01x")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("00000000000000000000000000000000", "::"),
        ("00000000000000000000000000000001", "::1"),
        ("00000000000000000000ffff01020304", "::ffff:1.2.3.4"),
        ("00000000000000000000000001020304", "::1.2.3.4"),
        ("00010000000200000003000000040000", "1::2:0:3:0:4:0"),
        ("20010db8000000010000000000000000", "2001:db8:0:1::"),
        ("00010002000300040005000600070008", "1:2:3:4:5:6:7:8"),
    ],
)
def test_an_ipv6_address_is_printed_as_the_server_prints_it(value, text):
    assert column_decoder.inet6_text(bytes.fromhex(value)) == text.encode()
