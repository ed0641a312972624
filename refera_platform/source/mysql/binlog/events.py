"""The events of a binary log, cut out of their envelopes: headers, checksums, compression; nothing is interpreted.

Formats: "Binlog Event" chapters of the MySQL internals and MariaDB knowledge base documentation. Rows themselves are
``rows``' business.

    packet ──▶ Envelope.open() ──▶ Event(kind, stamp, end, body) ──▶ query(), begin_mariadb(), …
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
ROWS = {
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
"""Operation and version of the events that hold rows; from 166 on MariaDB's compressed ones."""
FIRST_COMPRESSED = 166
WITHOUT_ROWS = frozenset({1, 3, 5, 13, 14, 17, 27, 28, 29, 35, 36, 37, 41, 160, 161, 163, 164})
"""Starts and stops, variables and files of statements, heartbeats, comments, checkpoints, lists of GTIDs."""
IGNORABLE = 0x80
"""Flag of an event that whoever does not know it may pass over."""
HEADER = struct.Struct("<IBIIIH")
QUERY_HEADER = struct.Struct("<IIBHH")
LOAD_HEADER = 13
"""Bytes that a LOAD DATA statement's event has between its query header and what follows."""
CHECKSUM = 4
WRAP = 1 << 32
"""The header's end offset has 32 bits; a file holding one huge transaction is longer."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event without its header and checksum."""

    kind: int
    stamp: int
    """Second since 1970 at which the statement began, by the server's clock."""
    end: int
    """Offset behind the event, modulo 2**32; 0 for what the server made up for this connection."""
    size: int
    """Bytes that it takes in the file."""
    body: bytes
    flags: int = 0


class Envelope:
    """Opens packets of a dump; knows from the file's first event whether a checksum follows each event."""

    def __init__(self, *, has_checksum: bool) -> None:
        self._has_checksum = has_checksum

    def open(self, buffer: bytes, start: int, end: int) -> Event:
        """The event of one packet, whose first byte said OK.

        Raises:
            SourceError: when the event is not what the server wrote.
        """
        stamp, kind, _, size, at, flags = HEADER.unpack_from(buffer, start)
        body = buffer[start + HEADER.size : end]
        if size != end - start:
            raise SourceError(
                f"An event of the log says it has {size} bytes and has {end - start}:", DAMAGED, passing=True
            )
        if kind == FORMAT:
            self._has_checksum = body[-CHECKSUM - 1] == 1
        if self._has_checksum:
            if zlib.crc32(buffer[start : end - CHECKSUM]) != int.from_bytes(body[-CHECKSUM:], "little"):
                raise SourceError("An event of the log does not have the checksum it says:", DAMAGED, passing=True)
            body = body[:-CHECKSUM]
        return Event(kind, stamp, at, size, body, flags)


DAMAGED = "run again; if it stays so, the log file is damaged: `refera resnapshot`."


def rotation(body: bytes) -> tuple[str, int]:
    """The file that follows, and the offset of its first event."""
    return body[8:].decode(), int.from_bytes(body[:8], "little")


def query(event: Event) -> tuple[str, str]:
    """The default schema and the statement of a query event."""
    body = event.body
    _, _, schema_length, _, status_length = QUERY_HEADER.unpack_from(body)
    start = QUERY_HEADER.size + (LOAD_HEADER if event.kind == LOAD_QUERY else 0) + status_length
    schema = body[start : start + schema_length].decode(errors="replace")
    text = body[start + schema_length + 1 :]
    if event.kind == QUERY_COMPRESSED:
        text = uncompressed(text)
    return schema, text.decode(errors="replace")


def uncompressed(record: bytes) -> bytes:
    """What MariaDB compressed: a byte of lengths, the length, zlib."""
    if record[0] & 0x70:
        raise SourceError("The log is compressed in a way that is not known:", "set global log_bin_compress = OFF.")
    return zlib.decompress(record[1 + (record[0] & 7) :])


def rows_body(event: Event) -> bytes:
    """The body of a rows event, uncompressed when it was compressed."""
    body = event.body
    if event.kind < FIRST_COMPRESSED:
        return body
    operation, version = ROWS[event.kind]
    start = 8 + (int.from_bytes(body[8:10], "little") if version > 1 else 0)
    width, start = packed(body, start)
    start += (width + 7) // 8 * (2 if operation == "u" else 1)
    return body[:start] + uncompressed(body[start:])


def packed(body: bytes, at: int) -> tuple[int, int]:
    """A length-encoded integer and the offset behind it."""
    first = body[at]
    if first < 251:
        return first, at + 1
    size = {252: 2, 253: 3, 254: 8}[first]
    return int.from_bytes(body[at + 1 : at + 1 + size], "little"), at + 1 + size


def payload(event: Event) -> Iterator[Event]:
    """The events inside MySQL's compressed transaction, one by one: memory does not grow with it."""
    body, at, kind = event.body, 0, 0
    while True:
        field, at = packed(body, at)
        if field == 0:
            break
        length, at = packed(body, at)
        if field == 2:
            kind, _ = packed(body, at)
        at += length
    if kind not in (0, 255):
        raise SourceError(
            "A transaction is compressed in a way that is not known:",
            "set global binlog_transaction_compression = OFF.",
        )
    whole = body[at:]
    stream = zstandard.ZstdDecompressor().stream_reader(whole) if kind == 0 else io.BytesIO(whole)
    reader = io.BufferedReader(stream)  # a read of it is whole, unless the payload ends
    while header := reader.read(HEADER.size):
        stamp, inner, _, size, _, flags = HEADER.unpack(header)
        yield Event(inner, stamp, 0, size, reader.read(size - HEADER.size), flags)
