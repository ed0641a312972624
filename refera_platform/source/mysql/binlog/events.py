"""Parser of binlog events: takes off headers, checksums and compression, and reads the fields of single events.

Formats: "Binlog Event" chapters of the MySQL internals and MariaDB knowledge base documentation. Does not read rows
(``row_decoder``) or table maps (``table_map``), and knows no order of events (``transaction_reader``).

    packet ──▶ EventParser.parse_event() ──▶ BinlogEvent ──▶ read_query_event(), rows_body(), payload_events(), …
"""

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import zstandard

from refera_platform.errors import SourceError

QUERY, ROTATE, FORMAT, XID, TABLE_MAP, INCIDENT, XA_PREPARE = 2, 4, 15, 16, 19, 26, 38
LOAD_QUERY, PARTIAL_UPDATE, PAYLOAD, QUERY_COMPRESSED = 18, 39, 40, 165
MYSQL_GTIDS = frozenset({33, 34, 42})
MARIADB_GTID = 162
ROWS_EVENTS = {
    23: ("c", 1),
    24: ("u", 1),
    25: ("d", 1),
    30: ("c", 2),
    31: ("u", 2),
    32: ("d", 2),
    166: ("c", 1),
    167: ("u", 1),
    168: ("d", 1),
    169: ("c", 2),
    170: ("u", 2),
    171: ("d", 2),
}
"""Operation and format version by kind of the rows events; from 166 on MariaDB's compressed ones."""
FIRST_COMPRESSED_KIND = 166
KINDS_WITHOUT_ROWS = frozenset({1, 3, 5, 13, 14, 17, 27, 28, 29, 35, 36, 37, 41, 160, 161, 163, 164})
"""Starts and stops, variables and files of statements, heartbeats, comments, checkpoints, lists of GTIDs."""
IGNORABLE_FLAG = 0x80
"""Flag of an event that a reader may skip when it does not know its kind."""
EVENT_HEADER = struct.Struct("<IBIIIH")
QUERY_HEADER = struct.Struct("<IIBHH")
LOAD_HEADER_BYTES = 13
"""Bytes between the query header of a LOAD DATA statement's event and what follows."""
CHECKSUM_BYTES = 4
OFFSET_WRAP_BYTES = 1 << 32
"""The end offset in the header has 32 bits and wraps: a file with one huge transaction is longer."""


@dataclass(frozen=True, slots=True)
class BinlogEvent:
    """One event without its header and checksum."""

    kind: int
    timestamp_seconds: int
    """Seconds since 1970 at which the statement began, by the server's clock."""
    end: int
    """Offset behind the event, modulo 2**32; 0 for an event that the server made for this connection only."""
    size: int
    """Bytes of the event in the file."""
    body: bytes
    flags: int = 0


class EventParser:
    """Parses the packets of a dump; the first event of each file says whether events end with a checksum."""

    def __init__(self, *, has_checksum: bool) -> None:
        self._has_checksum = has_checksum

    def parse_event(self, buffer: bytes, start: int, end: int) -> BinlogEvent:
        """Parse the event of one packet, without the packet's first byte (OK).

        Raises:
            SourceError: when the event is damaged.
        """
        timestamp_seconds, kind, _, size, end_offset, flags = EVENT_HEADER.unpack_from(buffer, start)
        body = buffer[start + EVENT_HEADER.size : end]
        if size != end - start:
            raise SourceError(
                f"An event of the binlog says it has {size} bytes and has {end - start}:",
                DAMAGED_REMEDY,
                is_transient=True,
            )
        if kind == FORMAT:
            self._has_checksum = body[-CHECKSUM_BYTES - 1] == 1
        if self._has_checksum:
            if zlib.crc32(buffer[start : end - CHECKSUM_BYTES]) != int.from_bytes(body[-CHECKSUM_BYTES:], "little"):
                raise SourceError(
                    "An event of the binlog does not have the checksum it says:", DAMAGED_REMEDY, is_transient=True
                )
            body = body[:-CHECKSUM_BYTES]
        return BinlogEvent(kind, timestamp_seconds, end_offset, size, body, flags)


DAMAGED_REMEDY = "run again; if it stays so, the binlog file is damaged: `refera resnapshot`."


def rotation_target(body: bytes) -> tuple[str, int]:
    """Name of the next file, and the offset of its first event."""
    return body[8:].decode(), int.from_bytes(body[:8], "little")


def read_query_event(event: BinlogEvent) -> tuple[str, str]:
    """The default schema and the SQL of a query event."""
    body = event.body
    _, _, schema_length, _, status_length = QUERY_HEADER.unpack_from(body)
    start = QUERY_HEADER.size + (LOAD_HEADER_BYTES if event.kind == LOAD_QUERY else 0) + status_length
    schema = body[start : start + schema_length].decode(errors="replace")
    text = body[start + schema_length + 1 :]
    if event.kind == QUERY_COMPRESSED:
        text = decompress_binlog_record(text)
    return schema, text.decode(errors="replace")


def decompress_binlog_record(record: bytes) -> bytes:
    """Decompress a MariaDB record: a byte with the size of the length, the length, then zlib data."""
    if record[0] & 0x70:
        raise SourceError("The binlog is compressed in a way that is not known:", "set global log_bin_compress = OFF.")
    return zlib.decompress(record[1 + (record[0] & 7) :])


def rows_body(event: BinlogEvent) -> bytes:
    """Body of a rows event, decompressed if needed."""
    body = event.body
    if event.kind < FIRST_COMPRESSED_KIND:
        return body
    operation, version = ROWS_EVENTS[event.kind]
    start = 8 + (int.from_bytes(body[8:10], "little") if version > 1 else 0)
    width, start = read_packed_integer(body, start)
    start += (width + 7) // 8 * (2 if operation == "u" else 1)
    return body[:start] + decompress_binlog_record(body[start:])


def read_packed_integer(body: bytes, offset: int) -> tuple[int, int]:
    """A length-encoded integer and the offset behind it."""
    first = body[offset]
    if first < 251:
        return first, offset + 1
    size = {252: 2, 253: 3, 254: 8}[first]
    return int.from_bytes(body[offset + 1 : offset + 1 + size], "little"), offset + 1 + size


def payload_events(event: BinlogEvent) -> Iterator[BinlogEvent]:
    """The events inside a compressed transaction of MySQL, one by one, in constant memory."""
    body, offset, kind = event.body, 0, 0
    while True:
        field, offset = read_packed_integer(body, offset)
        if field == 0:
            break
        length, offset = read_packed_integer(body, offset)
        if field == 2:
            kind, _ = read_packed_integer(body, offset)
        offset += length
    if kind not in (0, 255):
        raise SourceError(
            "A transaction is compressed in a way that is not known:",
            "set global binlog_transaction_compression = OFF.",
        )
    content = body[offset:]
    stream = zstandard.ZstdDecompressor().stream_reader(content) if kind == 0 else io.BytesIO(content)
    reader = io.BufferedReader(stream)  # read() returns all bytes asked for, unless the payload ends
    while header := reader.read(EVENT_HEADER.size):
        timestamp_seconds, inner, _, size, _, flags = EVENT_HEADER.unpack(header)
        yield BinlogEvent(inner, timestamp_seconds, 0, size, reader.read(size - EVENT_HEADER.size), flags)
