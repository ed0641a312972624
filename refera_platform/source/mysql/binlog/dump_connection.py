"""Binlog dump: asks the server for its binlog from a position to the present end, and yields the located events.

Server id 0 means "not a replica": the server ends the dump at the end of the binlog, and does not disconnect another
reader with the same id. Reconnecting and transactions are ``transaction_reader``'s.

    Wire ──▶ dump_binlog(file, offset) ──▶ LocatedEvent(event, file, start, end)
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from refera_platform.errors import SourceError
from refera_platform.source.mysql.binlog import events
from refera_platform.source.mysql.binlog.events import BinlogEvent, EventParser
from refera_platform.source.mysql.server import Server
from refera_platform.source.mysql.wire import END_PACKET, Wire
from refera_platform.source.position import FIRST_OFFSET

COM_BINLOG_DUMP = 0x12
NON_BLOCKING_FLAG = 1
NO_REPLICA_SERVER_ID = 0
DUMP_COMMAND = struct.Struct("<IHI")


@dataclass(frozen=True, slots=True)
class LocatedEvent:
    """An event, and where in the binlog it is."""

    event: BinlogEvent
    file: str
    start: int
    """Offset of its first byte; position of what precedes it."""
    end: int
    """Offset behind its last byte."""


def file_begun_seconds(wire: Wire, server: Server, file: str) -> int:
    """Seconds since 1970 at which the server began a binlog file.

    Args:
        wire: A connection for this call alone; it cannot be used afterwards.
        server: Dialect of the server.
        file: Name of a binlog file.

    Raises:
        SourceError: when the file does not say so.
        pymysql.MySQLError: when the server refuses or the connection is lost.
    """
    for located in dump_binlog(wire, server, file, FIRST_OFFSET):
        if located.event.kind == events.FORMAT:
            return located.event.timestamp_seconds
    raise SourceError(
        f"The binlog file {file} does not say when it was begun:", events.DAMAGED_REMEDY, is_transient=True
    )


def dump_binlog(wire: Wire, server: Server, file: str, offset: int) -> Iterator[LocatedEvent]:
    """The events from ``offset`` of ``file`` to the end of the binlog.

    Args:
        wire: A connection for this call alone; it cannot be used afterwards.
        server: Dialect of the server.
        file: Name of a binlog file.
        offset: Offset of an event in it.

    Raises:
        SourceError: for a damaged event, or an offset that does not fit the protocol.
        pymysql.MySQLError: when the server refuses or the connection is lost.
    """
    if offset >= events.OFFSET_WRAP_BYTES:
        raise SourceError(
            f"The binlog cannot be requested from offset {offset} of {file}, which does not fit the protocol:",
            "`refera resnapshot` the tables, and keep transactions smaller than 4 GiB.",
        )
    with wire.cursor() as cursor:
        for statement in server.before_dump:
            cursor.execute(statement)
        cursor.execute("select @@global.binlog_checksum")
        row = cursor.fetchone()
    envelope = EventParser(has_checksum=row is not None and row[0] != "NONE")
    packets = wire.command(
        COM_BINLOG_DUMP, DUMP_COMMAND.pack(offset, NON_BLOCKING_FLAG, NO_REPLICA_SERVER_ID) + file.encode()
    )
    for buffer, start, end in packets:
        if buffer[start] == END_PACKET:
            return
        event = envelope.parse_event(buffer, start + 1, end)  # the first byte is the packet's OK
        if event.kind == events.ROTATE:
            file, offset = events.rotation_target(event.body)
        if not event.end:  # an artificial event of this connection: it is not in the file
            yield LocatedEvent(event, file, offset, offset)
            continue
        if event.kind == events.ROTATE:
            yield LocatedEvent(event, file, offset, offset)
            continue
        end_offset = offset + (event.end - offset) % events.OFFSET_WRAP_BYTES
        yield LocatedEvent(
            event, file, end_offset - event.size, end_offset
        )  # events that the server does not send to replicas may come before it
        offset = end_offset
