"""Verification of a position: the server's binlog still has it, with the same history. ``position`` is the value."""

from collections.abc import Callable
from dataclasses import replace

import pymysql

from refera_platform.errors import LakeError
from refera_platform.source.mysql.binlog.dump_connection import file_begun_seconds
from refera_platform.source.mysql.binlog.read_errors import binlog_read_error, replaced_binlog_error
from refera_platform.source.mysql.server import Server
from refera_platform.source.mysql.wire import Wire, closing_wire
from refera_platform.source.position import Position

PURGED_REMEDY = (
    "`refera resnapshot` every table that reports this, and keep the binlog longer than the time between runs."
)


def require_same_binlog(server: Server, position: Position) -> None:
    """Check that the binlog still has the position, with the same history.

    Raises:
        LakeError: when the binlog was purged or reset, or the server was restored from a backup.
    """
    files = dict(server.binlog_files())
    if position.file not in files:
        files_by_number = {Position(file=name, offset=0).file_number: name for name in files}
        if files_by_number and min(files_by_number) > position.file_number:
            raise LakeError(
                f"The binlog from {position.file}:{position.offset} on was purged; the oldest file is"
                f" {files_by_number[min(files_by_number)]}:",
                PURGED_REMEDY,
            )
        raise replaced_binlog_error(position)
    if position.offset > files[position.file]:
        raise replaced_binlog_error(position)
    if not server.has_same_history(position):
        raise replaced_binlog_error(position)


def verify_position(connect: Callable[[], Wire], server: Server, position: Position) -> Position:
    """Add to a position the time at which its file was begun: no other binlog has both.

    Raises:
        SourceError: when the binlog cannot be read.
        LakeError: when the server no longer has the file.
    """
    try:
        with closing_wire(connect()) as wire:
            return replace(position, begun=file_begun_seconds(wire, server, position.file))
    except (pymysql.MySQLError, OSError) as error:
        raise binlog_read_error(error, position) from None
