"""How the value of one column lies in a row of the log, and how a whole column of them becomes Arrow.

LoggedColumn + Column ──▶ cell_of() ──▶ Cell(width, convert)
"""

import re
from dataclasses import dataclass

from refera_platform.errors import SourceError
from refera_platform.source.mysql.binlog import column_decoder, mysql_json, temporal
from refera_platform.source.mysql.binlog import table_map as log
from refera_platform.source.mysql.binlog.charsets import BINARY, Charsets
from refera_platform.source.mysql.binlog.decimals import decimal, decimal_bytes
from refera_platform.source.mysql.binlog.row_codec import Width
from refera_platform.source.mysql.binlog.table_map import LoggedColumn
from refera_platform.source.table import SourceTable
from refera_platform.source.types import GEOMETRIES, PRINTED, Column

NUMBERS = {
    log.TINY: (1, "int8"),
    log.SHORT: (2, "int16"),
    log.INT24: (3, "int32"),
    log.LONG: (4, "int32"),
    log.LONGLONG: (8, "int64"),
    log.FLOAT: (4, "float32"),
    log.DOUBLE: (8, "float64"),
}
"""Bytes of a number, and its type with a sign."""
OLD = {log.OLD_TIMESTAMP: 4, log.OLD_TIME: 3, log.OLD_DATETIME: 8}
"""Bytes of times of before MySQL 5.6."""
TIMES = {log.DATE: 3, log.NEWDATE: 3, log.DATETIME: 5, log.TIMESTAMP: 4, log.TIME: 3}
"""Bytes of times before their fraction."""
SPANS = frozenset({log.STRING, log.VARCHAR, log.VAR_STRING, log.VARCHAR_COMPRESSED})
BLOBS = frozenset({log.BLOB, log.GEOMETRY, log.JSON, log.VECTOR, log.BLOB_COMPRESSED})
COMPRESSED = frozenset({log.BLOB_COMPRESSED, log.VARCHAR_COMPRESSED})
ARRAY_PREFIX = 4
MEMBER = re.compile(r"'((?:[^']|'')*)'")
ESCAPED = re.compile(r"''|\\(.)", re.DOTALL)
ESCAPES = {"0": "\0", "n": "\n", "r": "\r"}
"""What the catalogue escapes in the members of ENUM and SET."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One column that is copied."""

    width: Width
    convert: column_decoder.Converter


def width_of(logged: LoggedColumn, where: str) -> Width:
    """How many bytes values of a column take; ``where`` is what an error calls it.

    Raises:
        SourceError: for a type that is not known.
    """
    code, meta = logged.type_code, logged.meta
    if code in NUMBERS:
        return Width(fixed=NUMBERS[code][0])
    if code in TIMES:
        return Width(fixed=TIMES[code] + temporal.fraction_bytes(meta))
    if code in OLD:
        return Width(fixed=OLD[code])
    if code == log.YEAR:
        return Width(fixed=1)
    if code == log.DECIMAL:
        return Width(fixed=decimal_bytes(meta >> 8, meta & 255))
    if code == log.BIT:
        return Width(fixed=(meta + 7) // 8)
    if code in (log.ENUM, log.SET):
        return Width(fixed=meta)
    if code in SPANS:
        return Width(prefix=1 if meta < 256 else 2)
    if code in BLOBS:
        return Width(prefix=meta)
    if code == log.ARRAY:
        return Width(prefix=ARRAY_PREFIX)
    raise SourceError(
        f"{where} is of type {code} of the log, which is not known:", "choose strategy compare for the table."
    )


def cell_of(logged: LoggedColumn, column: Column, table: SourceTable, charsets: Charsets, hash_key: bytes) -> Cell:
    """Width and conversion of a column that is copied.

    Raises:
        SourceError: naming a column that cannot be read faithfully.
    """
    where = f"Column {table.address}.{column.name}"
    if logged.type_code in OLD:
        raise SourceError(
            f"{where} holds times in the format of before MySQL 5.6:",
            f"`alter table {table.name} force` brings them up to date, then `refera resnapshot {table.address}`.",
        )
    column.parquet_type  # noqa: B018 - refuses a type that has no faithful form
    width = width_of(logged, where)
    if column.is_hashed:
        return Cell(width=width, convert=_hashing(logged, column, charsets, hash_key, where))
    if width.fixed:
        return Cell(width=width, convert=_fixed(logged, column, charsets, where))
    change = _change(logged, column, charsets)
    return Cell(
        width=width,
        convert=column_decoder.binaries(change) if column.is_binary else column_decoder.texts(where, change),
    )


def _fixed(logged: LoggedColumn, column: Column, charsets: Charsets, where: str) -> column_decoder.Converter:
    code, meta = logged.type_code, logged.meta
    if code in NUMBERS:
        return column_decoder.plain(_number(logged, column))
    if code in TIMES:
        return temporal.TIMES[column.data_type]
    if code == log.YEAR:
        return column_decoder.year(short=column.column_type == "year(2)")
    if code == log.DECIMAL:
        return decimal(meta >> 8, meta & 255, where, zerofill="zerofill" in column.column_type)
    if code == log.BIT:
        return column_decoder.bits
    return _listed(logged, column, charsets, where)


def _number(logged: LoggedColumn, column: Column) -> str:
    """Name of the type for numpy."""
    name = NUMBERS[logged.type_code][1]
    is_unsigned = "unsigned" in column.column_type if logged.unsigned is None else logged.unsigned
    return f"u{name}" if is_unsigned and name.startswith("int") else name


def _listed(logged: LoggedColumn, column: Column, charsets: Charsets, where: str) -> column_decoder.Listed:
    """ENUM and SET, whose members the log or the catalogue tells."""
    if logged.members:
        charset = charsets.of(logged.collation) if logged.collation is not None else charsets.named("utf8mb4")
        members = [charset.utf8(member) for member in logged.members]
    else:
        members = [ESCAPED.sub(_unescaped, each).encode() for each in MEMBER.findall(column.column_type)]
    return column_decoder.Listed(members, where, is_set=logged.type_code == log.SET)


def _unescaped(found: re.Match[str]) -> str:
    return ESCAPES.get(found[1], found[1]) if found[1] else "'"


def _change(logged: LoggedColumn, column: Column, charsets: Charsets) -> column_decoder.Change | None:
    """What makes a snapshot's bytes of the log's."""
    kind, code = column.data_type, logged.type_code
    if kind in PRINTED:
        return column_decoder.printed(kind)
    if kind in GEOMETRIES:
        return column_decoder.well_known
    if code == log.JSON:
        return mysql_json.text
    if kind == "binary":
        return column_decoder.padded(logged.meta)
    change: column_decoder.Change | None = None
    if not column.is_binary:
        known = logged.collation not in (None, BINARY)
        charset = charsets.of(logged.collation or 0) if known else charsets.named(column.charset or "utf8mb4")
        change = None if charset.is_utf8 else charset.utf8
    if code in COMPRESSED:
        then = change
        return lambda value: then(column_decoder.uncompressed(value)) if then else column_decoder.uncompressed(value)
    return change


def _hashing(
    logged: LoggedColumn, column: Column, charsets: Charsets, key: bytes, where: str
) -> column_decoder.Converter:
    """Hashes of the text that a snapshot reads."""
    if logged.type_code in NUMBERS:
        return column_decoder.hashing(column_decoder.digits(_number(logged, column)), key)
    if logged.type_code in (log.ENUM, log.SET):
        return column_decoder.hashing(_listed(logged, column, charsets, where).texts, key)
    change = _change(logged, column, charsets)
    return column_decoder.hashing(lambda data, valid: column_decoder.present(data, valid, change), key)
