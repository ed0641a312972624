"""MySQL's binary JSON, on bytes laid out as its documentation says: no MySQL runs here."""

import struct

import pytest

from refera_platform.errors import SourceError
from refera_platform.source.mysql.binlog import mysql_json

pytestmark = pytest.mark.unit

BY_HAND = bytes.fromhex(
    "00"  # a small object
    "0200 1e00"  # of 2 members and 30 bytes
    "1200 0100 1300 0100"  # whose keys lie at 18 and 19 with 1 byte each
    "05 0100 02 1400"  # an int16 right here, and a small array at 20
    "61 62"
    "0200 0a00 05 0100 05 0200"  # 2 elements, 10 bytes
)


def container(values, keys=None, *, large=False):
    """An array, or an object, of (type, bytes, whether it lies outside)."""
    size, unit = (4, "<I") if large else (2, "<H")
    names = [key.encode() for key in keys or ()]
    at = 2 * size + len(names) * (size + 2) + len(values) * (1 + size)
    head = tail = b""
    for name in names:
        head += struct.pack(unit, at) + struct.pack("<H", len(name))
        tail, at = tail + name, at + len(name)
    for kind, data, outside in values:
        if outside:
            head += bytes([kind]) + struct.pack(unit, at)
            tail, at = tail + data, at + len(data)
        else:
            head += bytes([kind]) + data.ljust(size, b"\0")
    return struct.pack(unit, len(values)) + struct.pack(unit, at) + head + tail


def opaque(kind, data):
    return bytes([15, kind, len(data)]) + data


def packed(year, month, day, hour, minute, second, micros):
    whole = ((year * 13 + month) << 5 | day) << 17 | hour << 12 | minute << 6 | second
    return struct.pack("<q", whole << 24 | micros)


CASES = {
    "by hand": (BY_HAND, '{"a": 1, "b": [1, 2]}'),
    "nothing at all": (b"", "null"),
    "null": (b"\x04\x00", "null"),
    "true": (b"\x04\x01", "true"),
    "false": (b"\x04\x02", "false"),
    "int16": (b"\x05\x00\x80", "-32768"),
    "uint16": (b"\x06\xff\xff", "65535"),
    "int32": (b"\x07\x00\x00\x00\x80", "-2147483648"),
    "uint32": (b"\x08\xff\xff\xff\xff", "4294967295"),
    "int64": (b"\x09" + b"\0" * 7 + b"\x80", "-9223372036854775808"),
    "uint64": (b"\x0a" + b"\xff" * 8, "18446744073709551615"),
    "double": (b"\x0b" + struct.pack("<d", 0.1), "0.1"),
    "string": (b"\x0c\x08" + b'\xc3\xa9"\\\n\x01/\x7f', '"é\\"\\\\\\n\\u0001/\x7f"'),
    "long string": (b"\x0c\xac\x02" + b"x" * 300, f'"{"x" * 300}"'),
    "empty object": (b"\x00\x00\x00\x04\x00", "{}"),
    "empty array": (b"\x02\x00\x00\x04\x00", "[]"),
    "array": (
        b"\x02" + container([(4, b"\1", False), (7, b"\1\0\1\0", True), (12, b"\2hi", True), (2, container([]), True)]),
        '[true, 65537, "hi", []]',
    ),
    "large object": (
        b"\x01"
        + container(
            [(7, struct.pack("<i", -7), False), (8, b"\xff" * 4, False), (11, struct.pack("<d", 1), True)],
            ["a", "é", ""],
            large=True,
        ),
        '{"a": -7, "é": 4294967295, "": 1.0}',
    ),
    "large array": (
        b"\x03" + container([(4, b"\0", False), (1, container([], [], large=True), True)], large=True),
        "[null, {}]",
    ),
    "datetime": (opaque(12, packed(2015, 1, 15, 23, 24, 25, 12)), '"2015-01-15 23:24:25.000012"'),
    "timestamp": (opaque(7, packed(2015, 1, 15, 23, 24, 25, 0)), '"2015-01-15 23:24:25.000000"'),
    "date": (opaque(10, packed(2015, 1, 15, 0, 0, 0, 0)), '"2015-01-15"'),
    "time": (opaque(11, struct.pack("<q", (23 << 12 | 24 << 6 | 25) << 24)), '"23:24:25.000000"'),
    "negative time": (opaque(11, struct.pack("<q", -((800 << 12 | 1) << 24 | 500_000))), '"-800:00:01.500000"'),
    "decimal": (opaque(246, bytes([4, 2, 0x8C, 0x22])), "12.34"),
    "negative decimal": (opaque(246, bytes([4, 2, 0x7F, 0xFA])), "-0.05"),
    "bytes": (opaque(15, b"\x61\x62\x63"), '"base64:type15:YWJj"'),
    "many bytes": (opaque(252, b"\0" * 60), f'"base64:type252:{"A" * 76}\\nAAAA"'),
}


@pytest.mark.parametrize("case", CASES)
def test_a_document_is_printed_as_mysql_prints_it(case):
    value, text = CASES[case]
    assert mysql_json.json_text(value).decode() == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (1.0, "1.0"),
        (-1.5, "-1.5"),
        (1e14, "100000000000000.0"),
        (1e15, "1e15"),
        (1.5e20, "1.5e20"),
        (123456789012345.6, "123456789012345.6"),
        (1e-5, "0.00001"),
        (1e-15, "0.000000000000001"),
        (1e-16, "1e-16"),
        (1.7976931348623157e308, "1.7976931348623157e308"),
        (5e-324, "5e-324"),
        (0.30000000000000004, "0.30000000000000004"),
    ],
)
def test_a_floating_number_keeps_its_point_or_its_exponent(number, text):
    assert mysql_json.double_text(number) == text


@pytest.mark.parametrize("value", [b"\x63", b"\x0b\0", b"\x02\x01\x00\x07\x00\x05", b"\x04\x07", b"\x0c\x01\xff"])
def test_bytes_that_are_no_document_are_refused(value):
    with pytest.raises(SourceError, match="JSON value of the binlog is not what MySQL documents"):
        mysql_json.json_text(value)
