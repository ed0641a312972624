"""MySQL's JSON as its log holds it, printed as MySQL prints it. MariaDB's JSON is text and never comes here.

Format: "JSON binary format" of the MySQL 8 sources' documentation. No MySQL could be run where this was written: it is
tested on bytes made from that description.

    bytes ──▶ text() ──▶ ``{"a": 1, "b": [1, 2]}``
"""

import base64
import json
import struct
from decimal import Decimal

from refera_platform.errors import SourceError
from refera_platform.source.mysql.binlog import table_map as log
from refera_platform.source.mysql.binlog.decimals import decimal_text

SMALL_OBJECT, LARGE_OBJECT, SMALL_ARRAY, LARGE_ARRAY, LITERAL, INT16, UINT16, INT32, UINT32 = range(9)
STRING, OPAQUE = 12, 15
NUMBERS = {INT16: "<h", UINT16: "<H", INT32: "<i", UINT32: "<I", 9: "<q", 10: "<Q"}
DOUBLE = 11
LITERALS = ("null", "true", "false")
INLINED = {False: {LITERAL, INT16, UINT16}, True: {LITERAL, INT16, UINT16, INT32, UINT32}}
"""Types whose value stands where others have their offset, in small and in large containers."""
MOST_FIXED = 15
"""Digits before or behind the point above which MySQL writes an exponent."""
LINE = 76
"""Characters of base64 after which MySQL breaks the line."""


def text(value: bytes) -> bytes:
    """The document as MySQL prints it.

    Raises:
        SourceError: for bytes that are no document.
    """
    if not value:
        return b"null"
    try:
        return _printed(value[0], value, 1).encode()
    except (IndexError, KeyError, struct.error, UnicodeDecodeError):
        raise SourceError(
            "A JSON value of the log is not what MySQL documents:",
            "report this, or choose strategy compare for the table.",
        ) from None


def _printed(kind: int, value: bytes, at: int) -> str:
    """One value of a type, at its offset."""
    if kind <= LARGE_ARRAY:
        return _container(value, at, is_large=kind in (LARGE_OBJECT, LARGE_ARRAY), is_object=kind < SMALL_ARRAY)
    if kind == LITERAL:
        return LITERALS[value[at]]
    if kind in NUMBERS:
        return str(struct.unpack_from(NUMBERS[kind], value, at)[0])
    if kind == DOUBLE:
        return number(struct.unpack_from("<d", value, at)[0])
    if kind == STRING:
        return _quoted(_counted(value, at).decode())
    if kind == OPAQUE:
        return _opaque(value[at], _counted(value, at + 1))
    raise KeyError(kind)


def _container(value: bytes, start: int, *, is_large: bool, is_object: bool) -> str:
    """An object or an array; offsets count from its first byte."""
    size, unit = (4, "<I") if is_large else (2, "<H")
    count = struct.unpack_from(unit, value, start)[0]
    at = start + 2 * size
    keys = []
    for _ in range(count if is_object else 0):
        offset, length = *struct.unpack_from(unit, value, at), *struct.unpack_from("<H", value, at + size)
        keys.append(_quoted(value[start + offset : start + offset + length].decode()) + ": ")
        at += size + 2
    found = []
    for index in range(count):
        kind, inside = value[at], at + 1
        if kind not in INLINED[is_large]:
            inside = start + struct.unpack_from(unit, value, inside)[0]
        found.append((keys[index] if is_object else "") + _printed(kind, value, inside))
        at += 1 + size
    return f"{{{', '.join(found)}}}" if is_object else f"[{', '.join(found)}]"


def _counted(value: bytes, at: int) -> bytes:
    """Bytes behind their length, which has seven bits a byte."""
    length = shift = 0
    while True:
        byte = value[at]
        length |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value[at : at + length]


def _quoted(words: str) -> str:
    return json.dumps(words, ensure_ascii=False)


def number(value: float) -> str:
    """A floating number as MySQL 8 prints it in JSON: ``1.0``, ``1.5e20``."""
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    minus, shown = "-" if sign else "", "".join(map(str, digits))
    point = len(shown) + int(exponent)
    if value == 0:
        return f"{minus}0.0"
    if not -MOST_FIXED + 1 <= point <= MOST_FIXED:
        tail = f".{shown[1:]}" if len(shown) > 1 else ""
        return f"{minus}{shown[0]}{tail}e{point - 1}"
    if point <= 0:
        return f"{minus}0.{'0' * -point}{shown}"
    return f"{minus}{shown[:point].ljust(point, '0')}.{shown[point:] or '0'}"


def _opaque(kind: int, data: bytes) -> str:
    """A value of a type that JSON does not have."""
    if kind == log.DECIMAL:
        return decimal_text(data[2:], data[0], data[1]).decode()
    if kind in (log.DATE, log.OLD_DATETIME, log.OLD_TIMESTAMP, log.OLD_TIME):
        return f'"{_moment(kind, struct.unpack("<q", data)[0])}"'
    encoded = base64.b64encode(data).decode()
    lines = [encoded[start : start + LINE] for start in range(0, len(encoded), LINE)]
    return _quoted(f"base64:type{kind}:" + "\n".join(lines))


def _moment(kind: int, packed: int) -> str:
    """A date, a time, or both, with all six digits of the fraction."""
    size = abs(packed)
    clock, micros = size >> 24, size & 0xFFFFFF
    hours = clock >> 12 & (1023 if kind == log.OLD_TIME else 31)
    time = f"{hours:02d}:{clock >> 6 & 63:02d}:{clock & 63:02d}.{micros:06d}"
    if kind == log.OLD_TIME:
        return f"-{time}" if packed < 0 else time
    months = clock >> 22
    date = f"{months // 13:04d}-{months % 13:02d}-{clock >> 17 & 31:02d}"
    return date if kind == log.DATE else f"{date} {time}"
