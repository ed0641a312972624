"""Table maps: what servers were seen to write, and what the documentation says that they may."""

import pytest

from refera_platform.source.mysql.binlog import table_map as types
from refera_platform.source.mysql.binlog.table_map import LoggedColumn, read_table_map

pytestmark = pytest.mark.unit

HEAD = b"\x17\0\0\0\0\0\x01\0\rclassicmodels\0\x01t\0"
TYPES = b'"\x03\x01\x01\r\xf6\xf6\x04\xfe\xfe\xfe\xfe\xfe\x10\xff\xfc\x0f\x0f\xfe\xfe\xfe\xfc\xfc\xfc\xfc\x8d\x8c\x8c\x12\x11\x13\n\x03\x03\x03'
METAS = b"(\n\x02\x14\x05\x04\xf7\x01\xf8\x01\xfe\x10\xfe\x10\xfe\x04\x04\x01\x04\x04,\x01\x14\x00\xfe(\xce \xfe\x04\x02\x02\x01\x04\xd1\x07\x02\x02\x03\x06\x02\xfe\xff\xff\xff\x03"
MINIMAL = b"\x01\x02:\x00\x03\x11????.\x08?--?-?-#-?\x08\x07\x01\x01"
FULL = (
    b"\x01\x02:\x00\x03\x11????.\x08?--?-?-#-?\x08\x07\x01\x01\x04e\x02id\x01a\x01b\x01y\x01d\x02d2\x01f\x01e\x01s\x01u\x02i6\x02i4\x02bi\x01g"
    b"\x02js\x02vc\x02vb\x03c10\x04c255\x04bin4\x02tx\x02bl\x02tt\x03ltx\x03vcc\x02bc\x02tc\x02dt\x02ts\x02ti\x02da\x02v1\x02p1\x03inv"
    b"\x0b\x02\x08-\x05\x08\x03\x01x\x01y\x02\xc3\x9c\x06\t\x02\x03a\\b\x03\xe7'x\x08\x01\x00"
)
"""MariaDB 10.11.19's, of a table of 34 columns of many types."""


def by_name(level):
    found = read_table_map(HEAD + TYPES + METAS + level)
    names = [column.name for column in read_table_map(HEAD + TYPES + METAS + FULL).columns]
    return found, dict(zip(names, found.columns, strict=True))


def small(codes, metas, *fields):
    """A table map of a few columns, and its columns."""
    body = HEAD + bytes([len(codes), *codes, len(metas), *metas]) + bytes((len(codes) + 7) // 8)
    for kind, field in fields:
        body += bytes([kind, len(field)]) + field
    return read_table_map(body).columns


def test_all_that_a_server_tells_of_a_table_is_read():
    found, columns = by_name(FULL)
    assert (found.table_id, found.schema, found.table, found.has_names) == (23, "classicmodels", "t", True)
    assert columns["id"] == LoggedColumn(name="id", type_code=types.LONG, meta=0, is_nullable=False, is_unsigned=False)
    assert [name for name, column in columns.items() if column.is_unsigned] == ["b", "y", "d", "f"]
    assert [name for name, column in columns.items() if not column.is_nullable] == ["id"]
    assert columns["e"].members == (b"a\\b", b"\xe7'x")
    assert (columns["e"].type_code, columns["e"].meta, columns["e"].collation) == (types.ENUM, 1, 8)
    assert (columns["s"].members, columns["s"].type_code) == ((b"x", b"y", "Ü".encode()), types.SET)
    assert (columns["d2"].meta, columns["bi"].meta) == (20 << 8 | 5, 12)
    assert (columns["c255"].type_code, columns["c255"].meta) == (
        types.STRING,
        800,
    )  # ten bits, two of them hidden
    assert {name: column.collation for name, column in columns.items() if column.collation not in (None, 63)} == {
        "js": 46,
        "vc": 8,
        "c10": 45,
        "c255": 45,
        "tx": 45,
        "tt": 45,
        "ltx": 35,
        "vcc": 45,
        "tc": 8,
        "e": 8,
        "s": 45,
    }


def test_with_less_of_it_names_and_members_are_unknown_and_signs_are_not():
    found, columns = by_name(MINIMAL)
    assert not found.has_names
    assert (columns["b"].name, columns["b"].is_unsigned, columns["vc"].collation) == (None, True, 8)
    assert columns["e"].members == ()


def test_without_any_of_it_only_the_bytes_are_known():
    found, columns = by_name(b"")
    assert not found.has_names
    assert {(column.is_unsigned, column.collation, column.members) for column in found.columns} == {(None, None, ())}
    assert columns["vc"].meta == 300


def test_collations_are_one_for_all_and_the_exceptions():
    columns = small([15, 3, 252, 15], [9, 0, 2, 9, 0], (types.DEFAULT_CHARSET, bytes([45, 1, 63, 2, 252, 0, 9])))
    assert [column.collation for column in columns] == [45, None, 63, 2304]
    columns = small(
        [254, 254], [0xF7, 1, 0xFE, 9], (types.LIST_DEFAULT_CHARSET, bytes([8])), (types.DEFAULT_CHARSET, b"-")
    )
    assert [column.collation for column in columns] == [8, 45]


def test_a_year_has_a_sign_bit_of_its_own():
    columns = small([types.YEAR, types.LONG, types.BIT, types.TINY], [9, 0], (types.SIGNS, bytes([0b0100_0000])))
    assert [column.is_unsigned for column in columns] == [False, True, None, False]


def test_mysqls_hidden_arrays_and_what_is_yet_unknown_are_stepped_over():
    columns = small(
        [types.ARRAY, types.LONG, types.ARRAY, types.VARCHAR],
        [types.LONGLONG, types.VARCHAR, 1, 0, 0, 44, 1],
        (types.NAMES, b"\x01a\x01b\x01c\x01d"),
        (200, b"what comes"),
    )
    assert [(column.name, column.type_code, column.meta) for column in columns] == [
        ("a", types.ARRAY, 0),
        ("b", types.LONG, 0),
        ("c", types.ARRAY, 0),
        ("d", types.VARCHAR, 300),
    ]


@pytest.mark.parametrize("count", [1, 8, 9, 300])
def test_tables_of_any_number_of_columns_are_read(count):
    width = bytes([count]) if count < 251 else b"\xfc" + count.to_bytes(2, "little")
    nulls = bytearray((count + 7) // 8)
    nulls[(count - 1) >> 3] |= 1 << ((count - 1) & 7)
    columns = read_table_map(HEAD + width + bytes([types.LONG]) * count + b"\0" + bytes(nulls)).columns
    assert [column.is_nullable for column in columns] == [False] * (count - 1) + [True]
