"""Proof that a place in the log is still there and still the same, before the log is read on; and what proves it."""

from collections.abc import Callable
from dataclasses import replace

import pymysql

from refera_platform.errors import LakeError
from refera_platform.source.mysql.binlog.dump_connection import begun
from refera_platform.source.mysql.binlog.position import Position
from refera_platform.source.mysql.binlog.read_errors import another_log, explained
from refera_platform.source.mysql.server import Server
from refera_platform.source.mysql.wire import Wire, opened

REMEDY = "`refera resnapshot` every table that says so, and keep the log longer than the time between runs."


def require_same_log(server: Server, known: Position) -> None:
    """The log still has the place, with the same past.

    Raises:
        LakeError: when the log was purged, reset, or belongs to a server restored from a backup.
    """
    files = dict(server.binary_logs())
    if known.file not in files:
        numbers = {Position(file=name, offset=0).number: name for name in files}
        if numbers and min(numbers) > known.number:
            raise LakeError(
                f"The log from {known.file}:{known.offset} on was purged; the oldest file is {numbers[min(numbers)]}:",
                REMEDY,
            )
        raise another_log(known)
    if known.offset > files[known.file]:
        raise another_log(known)
    if not server.has_past(known):
        raise another_log(known)


def proved(connect: Callable[[], Wire], server: Server, place: Position) -> Position:
    """A place with the second in which its file was begun: no other log has both.

    Raises:
        SourceError: when the log cannot be read.
    """
    try:
        with opened(connect()) as wire:
            return replace(place, begun=begun(wire, server, place.file))
    except (pymysql.MySQLError, OSError) as trouble:
        raise explained(trouble, place) from None
