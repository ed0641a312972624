"""Column codec: for one binlog column, the bytes that a value takes and the decoder of a whole column into Arrow.

The decoders are in ``column_decoder``, ``decimals`` and ``temporal``; this module chooses. ``row_codec`` splits rows.

    LoggedColumn + SourceColumn ──▶ build_column_codec() ──▶ ColumnCodec(width, decode)
"""

import re
from dataclasses import dataclass
from functools import partial

from refera_platform.errors import SourceError
from refera_platform.source.mysql.binlog import column_decoder, mysql_json, temporal
from refera_platform.source.mysql.binlog import table_map as types
from refera_platform.source.mysql.binlog.charsets import BINARY_COLLATION, Charsets
from refera_platform.source.mysql.binlog.decimals import decimal_bytes, decimal_decoder
from refera_platform.source.mysql.binlog.row_codec import ValueWidth
from refera_platform.source.mysql.binlog.table_map import LoggedColumn
from refera_platform.source.table import SourceTable
from refera_platform.source.types import GEOMETRY_TYPES, PRINTED_TYPES, SourceColumn

NUMBER_FORMATS = {
    types.TINY: (1, "int8"),
    types.SHORT: (2, "int16"),
    types.INT24: (3, "int32"),
    types.LONG: (4, "int32"),
    types.LONGLONG: (8, "int64"),
    types.FLOAT: (4, "float32"),
    types.DOUBLE: (8, "float64"),
}
"""Bytes of a number, and its signed numpy type."""
LEGACY_TEMPORAL_BYTES = {types.OLD_TIMESTAMP: 4, types.OLD_TIME: 3, types.OLD_DATETIME: 8}
"""Bytes of dates and times in the format before MySQL 5.6."""
TEMPORAL_BYTES = {types.DATE: 3, types.NEWDATE: 3, types.DATETIME: 5, types.TIMESTAMP: 4, types.TIME: 3}
"""Bytes of dates and times, without the fraction."""
STRING_TYPES = frozenset({types.STRING, types.VARCHAR, types.VAR_STRING, types.VARCHAR_COMPRESSED})
BLOB_TYPES = frozenset({types.BLOB, types.GEOMETRY, types.JSON, types.VECTOR, types.BLOB_COMPRESSED})
COMPRESSED_TYPES = frozenset({types.BLOB_COMPRESSED, types.VARCHAR_COMPRESSED})
ARRAY_PREFIX_BYTES = 4
MEMBER_PATTERN = re.compile(r"'((?:[^']|'')*)'")
ESCAPE_PATTERN = re.compile(r"''|\\(.)", re.DOTALL)
ESCAPES = {"0": "\0", "n": "\n", "r": "\r"}
"""Escapes that the catalogue uses in the members of ENUM and SET."""


@dataclass(frozen=True, kw_only=True)
class ColumnCodec:
    """Codec of one copied column."""

    width: ValueWidth
    decode: column_decoder.ColumnDecoder


def value_width(logged: LoggedColumn, where: str) -> ValueWidth:
    """How many bytes the values of a column take; ``where`` names the column in errors.

    Raises:
        SourceError: for an unknown type.
    """
    code, meta = logged.type_code, logged.meta
    if code in NUMBER_FORMATS:
        return ValueWidth(fixed=NUMBER_FORMATS[code][0])
    if code in TEMPORAL_BYTES:
        return ValueWidth(fixed=TEMPORAL_BYTES[code] + temporal.fraction_bytes(meta))
    if code in LEGACY_TEMPORAL_BYTES:
        return ValueWidth(fixed=LEGACY_TEMPORAL_BYTES[code])
    if code == types.YEAR:
        return ValueWidth(fixed=1)
    if code == types.DECIMAL:
        return ValueWidth(fixed=decimal_bytes(meta >> 8, meta & 255))
    if code == types.BIT:
        return ValueWidth(fixed=(meta + 7) // 8)
    if code in (types.ENUM, types.SET):
        return ValueWidth(fixed=meta)
    if code in STRING_TYPES:
        return ValueWidth(prefix=1 if meta < 256 else 2)
    if code in BLOB_TYPES:
        return ValueWidth(prefix=meta)
    if code == types.ARRAY:
        return ValueWidth(prefix=ARRAY_PREFIX_BYTES)
    raise SourceError(
        f"{where} is of binlog type {code}, which is not known:", "choose strategy compare for the table."
    )


def build_column_codec(
    logged: LoggedColumn, column: SourceColumn, table: SourceTable, charsets: Charsets, hash_key: bytes
) -> ColumnCodec:
    """Choose width and decoder of a copied column.

    Raises:
        SourceError: naming a column that cannot be read faithfully.
    """
    where = f"Column {table.address}.{column.name}"
    if logged.type_code in LEGACY_TEMPORAL_BYTES:
        raise SourceError(
            f"{where} holds times in the format of before MySQL 5.6:",
            f"`alter table {table.name} force` brings them up to date, then `refera resnapshot {table.address}`.",
        )
    column.parquet_type  # noqa: B018 - refuses a type that has no faithful form
    width = value_width(logged, where)
    if column.is_hashed:
        return ColumnCodec(width=width, decode=_hash_decoder(logged, column, charsets, hash_key, where))
    if width.fixed:
        return ColumnCodec(width=width, decode=_fixed_width_decoder(logged, column, charsets, where))
    transform = _byte_transform(logged, column, charsets)
    return ColumnCodec(
        width=width,
        decode=column_decoder.binary_decoder(transform)
        if column.is_binary
        else column_decoder.text_decoder(where, transform),
    )


def _fixed_width_decoder(
    logged: LoggedColumn, column: SourceColumn, charsets: Charsets, where: str
) -> column_decoder.ColumnDecoder:
    code, meta = logged.type_code, logged.meta
    if code in NUMBER_FORMATS:
        return column_decoder.number_decoder(_numpy_type(logged, column))
    if code in TEMPORAL_BYTES:
        return temporal.TEMPORAL_DECODERS[column.data_type]
    if code == types.YEAR:
        return column_decoder.year_decoder(short=column.column_type == "year(2)")
    if code == types.DECIMAL:
        return decimal_decoder(meta >> 8, meta & 255, where, zerofill="zerofill" in column.column_type)
    if code == types.BIT:
        return column_decoder.decode_bits
    return _member_decoder(logged, column, charsets, where)


def _numpy_type(logged: LoggedColumn, column: SourceColumn) -> str:
    """Name of the numpy type."""
    name = NUMBER_FORMATS[logged.type_code][1]
    is_unsigned = "unsigned" in column.column_type if logged.is_unsigned is None else logged.is_unsigned
    return f"u{name}" if is_unsigned and name.startswith("int") else name


def _member_decoder(
    logged: LoggedColumn, column: SourceColumn, charsets: Charsets, where: str
) -> column_decoder.MemberDecoder:
    """Decoder of ENUM and SET; the members are the binlog's, or else the catalogue's."""
    if logged.members:
        charset = (
            charsets.by_collation(logged.collation) if logged.collation is not None else charsets.by_name("utf8mb4")
        )
        members = [charset.to_utf8(member) for member in logged.members]
    else:
        members = [ESCAPE_PATTERN.sub(_unescape, each).encode() for each in MEMBER_PATTERN.findall(column.column_type)]
    return column_decoder.MemberDecoder(members, where, is_set=logged.type_code == types.SET)


def _unescape(match: re.Match[str]) -> str:
    return ESCAPES.get(match[1], match[1]) if match[1] else "'"


def _byte_transform(
    logged: LoggedColumn, column: SourceColumn, charsets: Charsets
) -> column_decoder.ByteTransform | None:
    """Function that turns binlog bytes into the bytes that a snapshot reads; ``None`` when they are equal."""
    kind, code = column.data_type, logged.type_code
    if kind in PRINTED_TYPES:
        return column_decoder.address_printer(kind)
    if kind in GEOMETRY_TYPES:
        return column_decoder.strip_srid
    if code == types.JSON:
        return mysql_json.json_text
    if kind == "binary":
        return column_decoder.zero_padder(logged.meta)
    transform: column_decoder.ByteTransform | None = None
    if not column.is_binary:
        has_charset = logged.collation not in (None, BINARY_COLLATION)
        charset = (
            charsets.by_collation(logged.collation or 0)
            if has_charset
            else charsets.by_name(column.charset or "utf8mb4")
        )
        transform = None if charset.is_utf8 else charset.to_utf8
    if code in COMPRESSED_TYPES:
        return partial(_decompress, transform=transform)
    return transform


def _decompress(value: bytes, *, transform: column_decoder.ByteTransform | None) -> bytes:
    text = column_decoder.decompress_column_value(value)
    return transform(text) if transform else text


def _hash_decoder(
    logged: LoggedColumn, column: SourceColumn, charsets: Charsets, key: bytes, where: str
) -> column_decoder.ColumnDecoder:
    """Decoder that hashes the text that a snapshot reads."""
    if logged.type_code in NUMBER_FORMATS:
        return column_decoder.hash_decoder(column_decoder.decimal_digit_texts(_numpy_type(logged, column)), key)
    if logged.type_code in (types.ENUM, types.SET):
        return column_decoder.hash_decoder(_member_decoder(logged, column, charsets, where).to_texts, key)
    transform = _byte_transform(logged, column, charsets)
    return column_decoder.hash_decoder(partial(column_decoder.transform_present, transform=transform), key)
