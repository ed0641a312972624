"""Rows are cut right wherever the network cuts them, however long their values are."""

import io
import struct

import pymysql
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from refera_platform.errors import SourceError
from refera_platform.source.mysql import text_result
from refera_platform.source.mysql.text_result import read_blocks
from refera_platform.source.mysql.wire import MAX_PACKET_BYTES, read_packets

pytestmark = pytest.mark.unit

END = b"\xfe\x00\x00\x22\x00"
FAILED = b"\xff" + struct.pack("<H", 1412) + b"#HY000Table definition has changed"
EDGES = (0, 1, 249, 250, 251, 252, 253, 255, 256, 65534, 65535, 65536, 70_000)


class Pieces(io.BytesIO):
    """What comes from a server, a few bytes at a time."""

    def __init__(self, content, sizes):
        super().__init__(content)
        self._sizes = sizes
        self._turn = 0

    def _size(self):
        self._turn += 1
        return self._sizes[self._turn % len(self._sizes)]

    def read1(self, size=-1):
        return super().read(min(size, self._size()))


def packet(payload, number=1):
    """A payload in its packets: one of 16 MB and more goes on in the next."""
    cut = [payload[at : at + MAX_PACKET_BYTES] for at in range(0, len(payload) + 1, MAX_PACKET_BYTES)]
    return b"".join(
        struct.pack("<I", len(part) | (number + index) % 256 << 24) + part for index, part in enumerate(cut)
    )


def length(size):
    if size < 251:
        return bytes([size])
    for code, width in ((252, 2), (253, 3)):
        if size < 1 << 8 * width:
            return bytes([code]) + size.to_bytes(width, "little")
    return b"\xfe" + size.to_bytes(8, "little")


def row(values):
    return b"".join(b"\xfb" if value is None else length(len(value)) + value for value in values)


def answer(rows, end=END):
    return b"".join(packet(row(values)) for values in rows) + packet(end)


def read(content, width, sizes=(1 << 30,)):
    """Every row, and every column joined, as the blocks tell them."""
    found = []
    for block in read_blocks(Pieces(content, sizes)):
        columns = block.columns(width)
        for column in columns:
            assert bytes(column.join_bytes()) == b"".join(value or b"" for value in column.to_list())
        found += zip(*(column.to_list() for column in columns), strict=True)
    return found


@given(
    rows=some.lists(some.tuples(*[some.none() | some.binary(max_size=300)] * 3), max_size=40),
    sizes=some.lists(some.integers(1, 700), min_size=1, max_size=5),
)
@settings(max_examples=60, deadline=None)
def test_any_rows_arrive_whatever_the_pieces_they_come_in(rows, sizes):
    assert read(answer(rows), 3, sizes) == rows


def test_values_at_every_edge_of_their_length_arrive():
    rows = [(b"x" * size, None, b"y" * other) for size in EDGES for other in (0, 251, 65536)]
    assert read(answer(rows), 3, (4096, 1, 100_000)) == rows


def test_rows_of_many_blocks_arrive_in_order():
    rows = [(str(number).encode(), b"v" * (number % 90)) for number in range(120_000)]
    content = answer(rows)
    assert len(content) > 1.5 * text_result.BLOCK_BYTES
    assert read(content, 2) == rows
    assert len(list(read_blocks(Pieces(content, (1 << 30,))))) > 1


@pytest.mark.parametrize("beyond", [-9, 2, 3, 4, MAX_PACKET_BYTES])
def test_a_row_of_sixteen_megabytes_and_more_is_one_row(beyond):
    large = b"L" * (MAX_PACKET_BYTES - 9 + beyond)
    rows = [(b"before", b"1"), (large, b"2"), (b"after", None)]
    found = read(answer(rows), 2)
    assert [(value[:6], other) for value, other in found] == [
        (b"before", b"1"),
        (b"LLLLLL", b"2"),
        (b"after", None),
    ]
    assert found[1][0] == large
    whole = [buffer[start:end] for buffer, start, end in _until_lost(read_packets(Pieces(answer(rows), (1 << 30,))))]
    assert whole == [*map(row, rows), END]


def _until_lost(found):
    try:
        yield from found
    except pymysql.OperationalError:
        return


@given(
    payloads=some.lists(some.binary(min_size=1, max_size=400).filter(lambda one: one[0] != 0xFF), max_size=20),
    sizes=some.lists(some.integers(1, 500), min_size=1, max_size=4),
)
@settings(max_examples=60, deadline=None)
def test_packets_of_the_log_arrive_whatever_the_pieces_they_come_in(payloads, sizes):
    file = Pieces(b"".join(map(packet, payloads)), sizes)
    assert [buffer[start:end] for buffer, start, end in _until_lost(read_packets(file))] == payloads


@pytest.mark.parametrize("number_of_rows", [0, 3])
def test_an_error_after_any_row_is_raised_as_the_server_says_it(number_of_rows):
    content = answer([(b"1",)] * number_of_rows, end=FAILED)
    with pytest.raises(pymysql.MySQLError, match="Table definition has changed") as error:
        read(content, 1, (7,))
    assert error.value.args[0] == 1412
    with pytest.raises(pymysql.MySQLError, match="Table definition has changed"):
        list(read_packets(Pieces(content, (7,))))


def test_an_answer_that_breaks_off_is_a_lost_connection_and_never_a_short_table():
    content = answer([(b"1",)] * 3)
    for size in range(len(content)):
        with pytest.raises(pymysql.OperationalError, match="Lost connection"):
            read(content[:size], 1)


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(row([b"1"]), id="a value too few"),
        pytest.param(row([b"1", b"2", b"3"]), id="a value too many"),
        pytest.param(row([b"1"]) + b"\x09x", id="a value that goes beyond its row"),
        pytest.param(row([b"1"]) + b"\xfd\xff\xff\xffx", id="a value that goes beyond everything"),
    ],
)
def test_a_row_that_is_not_what_was_asked_for_is_refused(payload):
    with pytest.raises(SourceError, match="other rows than were asked for"):
        read(packet(row([b"a", b"b"])) + packet(payload) + packet(END), 2)
