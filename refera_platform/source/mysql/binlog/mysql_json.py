"""Printer of MySQL's binary JSON: turns the binlog's bytes into the text that MySQL prints.

MariaDB's JSON is text and needs no decoding. Format: "JSON binary format" in the MySQL 8 source documentation. No MySQL
server was available: the module is tested on bytes made from that description.

    bytes ──▶ json_text() ──▶ ``{"a": 1, "b": [1, 2]}``
"""

import base64
import json
import struct
from decimal import Decimal

from refera_platform.errors import SourceError
from refera_platform.source.mysql.binlog import table_map as types
from refera_platform.source.mysql.binlog.decimals import decimal_text

SMALL_OBJECT, LARGE_OBJECT, SMALL_ARRAY, LARGE_ARRAY, LITERAL, INT16, UINT16, INT32, UINT32 = range(9)
STRING_KIND, OPAQUE_KIND = 12, 15
NUMBER_FORMATS = {INT16: "<h", UINT16: "<H", INT32: "<i", UINT32: "<I", 9: "<q", 10: "<Q"}
DOUBLE_KIND = 11
LITERALS = ("null", "true", "false")
INLINED_KINDS = {False: {LITERAL, INT16, UINT16}, True: {LITERAL, INT16, UINT16, INT32, UINT32}}
"""Types whose value is stored where other types have an offset, in small and in large containers."""
MAX_FIXED_DIGITS = 15
"""Digits before or behind the point above which MySQL writes an exponent."""
BASE64_LINE_CHARACTERS = 76
"""Characters of base64 after which MySQL breaks the line."""


def json_text(value: bytes) -> bytes:
    """The document as MySQL prints it.

    Raises:
        SourceError: for bytes that are no JSON document.
    """
    if not value:
        return b"null"
    try:
        return _value_text(value[0], value, 1).encode()
    except (IndexError, KeyError, struct.error, UnicodeDecodeError):
        raise SourceError(
            "A JSON value of the binlog is not what MySQL documents:",
            "report this, or choose strategy compare for the table.",
        ) from None


def _value_text(kind: int, value: bytes, offset: int) -> str:
    """One value of type ``kind`` at ``offset``."""
    if kind <= LARGE_ARRAY:
        return _container_text(
            value, offset, is_large=kind in (LARGE_OBJECT, LARGE_ARRAY), is_object=kind < SMALL_ARRAY
        )
    if kind == LITERAL:
        return LITERALS[value[offset]]
    if kind in NUMBER_FORMATS:
        return str(struct.unpack_from(NUMBER_FORMATS[kind], value, offset)[0])
    if kind == DOUBLE_KIND:
        return double_text(struct.unpack_from("<d", value, offset)[0])
    if kind == STRING_KIND:
        return _quoted(_length_prefixed(value, offset).decode())
    if kind == OPAQUE_KIND:
        return _opaque_text(value[offset], _length_prefixed(value, offset + 1))
    raise KeyError(kind)


def _container_text(value: bytes, start: int, *, is_large: bool, is_object: bool) -> str:
    """An object or an array; its offsets count from its first byte."""
    size, unit = (4, "<I") if is_large else (2, "<H")
    count = struct.unpack_from(unit, value, start)[0]
    entry_offset = start + 2 * size
    keys = []
    for _ in range(count if is_object else 0):
        offset, length = (
            *struct.unpack_from(unit, value, entry_offset),
            *struct.unpack_from("<H", value, entry_offset + size),
        )
        keys.append(_quoted(value[start + offset : start + offset + length].decode()) + ": ")
        entry_offset += size + 2
    members = []
    for index in range(count):
        kind, value_offset = value[entry_offset], entry_offset + 1
        if kind not in INLINED_KINDS[is_large]:
            value_offset = start + struct.unpack_from(unit, value, value_offset)[0]
        members.append((keys[index] if is_object else "") + _value_text(kind, value, value_offset))
        entry_offset += 1 + size
    return f"{{{', '.join(members)}}}" if is_object else f"[{', '.join(members)}]"


def _length_prefixed(value: bytes, offset: int) -> bytes:
    """Length-prefixed bytes; the length has seven bits in each byte."""
    length = shift = 0
    while True:
        byte = value[offset]
        length |= (byte & 0x7F) << shift
        offset, shift = offset + 1, shift + 7
        if byte < 0x80:
            return value[offset : offset + length]


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def double_text(value: float) -> str:
    """A float as MySQL 8 prints it in JSON: ``1.0``, ``1.5e20``."""
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    minus, significant_digits = "-" if sign else "", "".join(map(str, digits))
    point = len(significant_digits) + int(exponent)
    if value == 0:
        return f"{minus}0.0"
    if not -MAX_FIXED_DIGITS + 1 <= point <= MAX_FIXED_DIGITS:
        tail = f".{significant_digits[1:]}" if len(significant_digits) > 1 else ""
        return f"{minus}{significant_digits[0]}{tail}e{point - 1}"
    if point <= 0:
        return f"{minus}0.{'0' * -point}{significant_digits}"
    return f"{minus}{significant_digits[:point].ljust(point, '0')}.{significant_digits[point:] or '0'}"


def _opaque_text(kind: int, data: bytes) -> str:
    """A value of a type that JSON does not have: DECIMAL, date, time, or bytes."""
    if kind == types.DECIMAL:
        return decimal_text(data[2:], data[0], data[1]).decode()
    if kind in (types.DATE, types.OLD_DATETIME, types.OLD_TIMESTAMP, types.OLD_TIME):
        return f'"{_temporal_text(kind, struct.unpack("<q", data)[0])}"'
    encoded = base64.b64encode(data).decode()
    lines = [
        encoded[start : start + BASE64_LINE_CHARACTERS] for start in range(0, len(encoded), BASE64_LINE_CHARACTERS)
    ]
    return _quoted(f"base64:type{kind}:" + "\n".join(lines))


def _temporal_text(kind: int, packed: int) -> str:
    """A date, a time, or both, with six digits of fraction."""
    size = abs(packed)
    clock, micros = size >> 24, size & 0xFFFFFF
    hours = clock >> 12 & (1023 if kind == types.OLD_TIME else 31)
    time = f"{hours:02d}:{clock >> 6 & 63:02d}:{clock & 63:02d}.{micros:06d}"
    if kind == types.OLD_TIME:
        return f"-{time}" if packed < 0 else time
    months = clock >> 22
    date = f"{months // 13:04d}-{months % 13:02d}-{clock >> 17 & 31:02d}"
    return date if kind == types.DATE else f"{date} {time}"
