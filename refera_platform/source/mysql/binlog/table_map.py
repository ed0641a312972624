"""Parser of TABLE_MAP events: the columns of a table as the binlog describes them, before its rows.

The physical type is always there. With ``binlog_row_metadata = FULL`` there are also names, signs, character sets and
the members of ENUM and SET. Knows nothing of the server's catalogue: ``logged_column`` compares the two.

    body of a TABLE_MAP event ──▶ read_table_map() ──▶ TableMap(columns)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from refera_platform.source.mysql.binlog.events import read_packed_integer

TINY, SHORT, LONG, FLOAT, DOUBLE, OLD_TIMESTAMP, LONGLONG, INT24, DATE = 1, 2, 3, 4, 5, 7, 8, 9, 10
OLD_TIME, OLD_DATETIME, YEAR, NEWDATE, VARCHAR, BIT, TIMESTAMP, DATETIME, TIME, ARRAY = range(11, 21)
BLOB_COMPRESSED, VARCHAR_COMPRESSED, VECTOR, JSON, DECIMAL, ENUM, SET = 140, 141, 242, 245, 246, 247, 248
BLOB, VAR_STRING, STRING, GEOMETRY = 252, 253, 254, 255

NUMERIC_TYPES = frozenset({TINY, SHORT, LONG, FLOAT, DOUBLE, LONGLONG, INT24, YEAR, DECIMAL, 0})
"""Types with a sign bit in the metadata. YEAR has one, too (set by MariaDB, clear by MySQL), without a meaning."""
CHARACTER_TYPES = frozenset({STRING, VAR_STRING, VARCHAR, BLOB, GEOMETRY, BLOB_COMPRESSED, VARCHAR_COMPRESSED})
MEMBER_TYPES = frozenset({ENUM, SET})
META_BYTES = {
    FLOAT: 1,
    DOUBLE: 1,
    VARCHAR: 2,
    BIT: 2,
    TIMESTAMP: 1,
    DATETIME: 1,
    TIME: 1,
    BLOB_COMPRESSED: 1,
    VARCHAR_COMPRESSED: 2,
    VECTOR: 1,
    JSON: 1,
    DECIMAL: 2,
    ENUM: 2,
    SET: 2,
    BLOB: 1,
    VAR_STRING: 2,
    STRING: 2,
    GEOMETRY: 1,
}
SIGNS, DEFAULT_CHARSET, CHARSETS, NAMES, SET_MEMBERS, ENUM_MEMBERS = range(1, 7)
LIST_DEFAULT_CHARSET, LIST_CHARSETS = 10, 11


@dataclass(frozen=True, kw_only=True)
class LoggedColumn:
    """One column as the binlog describes it."""

    name: str | None
    """Its name; ``None`` unless the server writes names."""
    type_code: int
    """Type code; of ENUM and SET their own code, not that of the CHAR they are written as."""
    meta: int
    """Parameter of the type: bytes of a length, digits, or fraction; see ``_column_meta``."""
    is_nullable: bool
    is_unsigned: bool | None = None
    """Whether a number has no sign; ``None`` for other types, or when the server does not write it."""
    collation: int | None = None
    """Collation id, 63 for bytes; ``None`` for other types, or when the server does not write it."""
    members: tuple[bytes, ...] = ()
    """Members of an ENUM or SET, in its character set; empty when the server does not write them."""


@dataclass(frozen=True, kw_only=True)
class TableMap:
    """The table of the rows events that follow."""

    table_id: int
    schema: str
    table: str
    columns: tuple[LoggedColumn, ...]

    @property
    def has_names(self) -> bool:
        """Whether the server writes column names."""
        return all(column.name is not None for column in self.columns)


def read_table_map(body: bytes) -> TableMap:
    """Parse the body of a TABLE_MAP event, without header and checksum."""
    schema, offset = _length_prefixed(body, 8)
    table, offset = _length_prefixed(body, offset + 1)  # each name ends with a zero byte
    width, offset = read_packed_integer(body, offset + 1)
    codes, offset = list(body[offset : offset + width]), offset + width
    length, offset = read_packed_integer(body, offset)
    metas, end = [], offset + length
    for index, code in enumerate(codes):
        codes[index], meta, offset = _column_meta(code, body, offset)
        metas.append(meta)
    nulls, offset = body[end : end + (width + 7) // 8], end + (width + 7) // 8
    metadata = _metadata_fields(body, offset)
    names, signs = _text_list(metadata.get(NAMES, b"")), _signs_by_column(codes, metadata.get(SIGNS))
    collations = _collations_by_column(codes, metadata, CHARACTER_TYPES.__contains__, CHARSETS, DEFAULT_CHARSET)
    collations |= _collations_by_column(codes, metadata, MEMBER_TYPES.__contains__, LIST_CHARSETS, LIST_DEFAULT_CHARSET)
    members = _members_by_column(codes, metadata)
    columns = tuple(
        LoggedColumn(
            name=names[index].decode() if names else None,
            type_code=codes[index],
            meta=metas[index],
            is_nullable=bool(nulls[index >> 3] >> (index & 7) & 1),
            is_unsigned=signs.get(index),
            collation=collations.get(index),
            members=members.get(index, ()),
        )
        for index in range(width)
    )
    return TableMap(
        table_id=int.from_bytes(body[:6], "little"),
        schema=schema.decode(),
        table=table.decode(),
        columns=columns,
    )


def _length_prefixed(body: bytes, offset: int) -> tuple[bytes, int]:
    """A length-prefixed text, and the offset behind it."""
    length, offset = read_packed_integer(body, offset)
    return body[offset : offset + length], offset + length


def _column_meta(code: int, body: bytes, offset: int) -> tuple[int, int, int]:
    """The actual type of a column, its metadata as one number, and the offset behind it."""
    if code == ARRAY:  # MySQL's index over many values: a hidden column with the type of its elements
        inner = body[offset]
        return code, 0, offset + 1 + (3 if inner == VARCHAR else META_BYTES.get(inner, 0))
    size = META_BYTES.get(code, 0)
    raw = body[offset : offset + size]
    offset += size
    if code == STRING:  # the first byte holds ENUM or SET, or two bits of a length
        code, length = raw[0], raw[1]
        if code & 0x30 != 0x30:
            code, length = code | 0x30, length | (code & 0x30 ^ 0x30) << 4
        return code, length, offset
    if code == DECIMAL:
        return code, raw[0] << 8 | raw[1], offset
    if code == BIT:
        return code, raw[1] * 8 + raw[0], offset
    if code in MEMBER_TYPES:
        return code, raw[1], offset
    return code, int.from_bytes(raw, "little"), offset


def _metadata_fields(body: bytes, offset: int) -> dict[int, bytes]:
    """The optional metadata (MySQL 8.0, MariaDB 10.5 and later), by kind of field."""
    fields_by_kind = {}
    while offset < len(body):
        kind = body[offset]
        fields_by_kind[kind], offset = _length_prefixed(body, offset + 1)
    return fields_by_kind


def _text_list(field: bytes) -> list[bytes]:
    texts, offset = [], 0
    while offset < len(field):
        text, offset = _length_prefixed(field, offset)
        texts.append(text)
    return texts


def _number_list(field: bytes) -> list[int]:
    numbers, offset = [], 0
    while offset < len(field):
        number, offset = read_packed_integer(field, offset)
        numbers.append(number)
    return numbers


def _signs_by_column(codes: Sequence[int], field: bytes | None) -> dict[int, bool]:
    if field is None:
        return {}
    numeric = [index for index, code in enumerate(codes) if code in NUMERIC_TYPES]
    return {index: bool(field[bit >> 3] << (bit & 7) & 0x80) for bit, index in enumerate(numeric)}


def _collations_by_column(
    codes: Sequence[int], metadata: dict[int, bytes], is_concerned: Callable[[int], bool], each: int, default: int
) -> dict[int, int]:
    """Collations by column: written one by one, or as a default and the exceptions."""
    indexes = [index for index, code in enumerate(codes) if is_concerned(code)]
    if each in metadata:
        return dict(zip(indexes, _number_list(metadata[each]), strict=True))
    if default not in metadata:
        return {}
    default_collation, *pairs = _number_list(metadata[default])
    exceptions = dict(zip(pairs[::2], pairs[1::2], strict=True))
    return {index: exceptions.get(order, default_collation) for order, index in enumerate(indexes)}


def _members_by_column(codes: Sequence[int], metadata: dict[int, bytes]) -> dict[int, tuple[bytes, ...]]:
    members_by_column: dict[int, tuple[bytes, ...]] = {}
    for code, kind in ((SET, SET_MEMBERS), (ENUM, ENUM_MEMBERS)):
        field, offset = metadata.get(kind, b""), 0
        for index in (index for index, each in enumerate(codes) if each == code and field):
            count, offset = read_packed_integer(field, offset)
            members = []
            for _ in range(count):
                member, offset = _length_prefixed(field, offset)
                members.append(member)
            members_by_column[index] = tuple(members)
    return members_by_column
