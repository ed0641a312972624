"""Transaction header: position, time, GTID and XA name, known before the first row. ``transaction_reader`` reads on."""

import uuid
from dataclasses import dataclass

from refera_platform.source.change_stream import Transaction
from refera_platform.source.mysql.binlog import events
from refera_platform.source.position import Position

STANDALONE_FLAG, PREPARES_XA_FLAG, COMPLETES_XA_FLAG, GROUP_COMMIT_FLAG = 1, 64, 128, 2
"""Flags of MariaDB's GTID event that concern rows."""
MYSQL_GTID_KIND = 33
"""Kind of MySQL's GTID event; other kinds are of anonymous or tagged transactions."""


@dataclass(frozen=True, kw_only=True)
class BinlogTransaction(Transaction):
    """One group of events that the server writes to the binlog as a whole."""

    gtid: str = ""
    is_standalone: bool | None = None
    """Whether it is one statement that commits itself; ``None`` until its first event shows it."""
    prepared_xa_name: str = ""
    """Name of the XA transaction that it prepares; MariaDB names it here, MySQL only in a later event."""


def transaction_of_gtid(file: str, start: int, event: events.BinlogEvent, begun: int) -> BinlogTransaction:
    """The transaction that a GTID event (of MySQL or MariaDB) begins."""
    position, body = Position(file=file, offset=start, begun=begun), event.body
    if event.kind != events.MARIADB_GTID:
        gtid = ""  # tagged GTIDs (MySQL 8.3) have another format; file and offset identify the transaction
        if event.kind == MYSQL_GTID_KIND:
            gtid = f"{uuid.UUID(bytes=body[1:17])}:{int.from_bytes(body[17:25], 'little')}"
        return BinlogTransaction(position=position, timestamp_seconds=event.timestamp_seconds, gtid=gtid)
    flags, name = body[12], ""
    if flags & (PREPARES_XA_FLAG | COMPLETES_XA_FLAG):
        name = _xa_name(body[13 + (8 if flags & GROUP_COMMIT_FLAG else 0) :])
    return BinlogTransaction(
        position=position,
        timestamp_seconds=event.timestamp_seconds,
        is_standalone=bool(flags & STANDALONE_FLAG),
        prepared_xa_name=name if flags & PREPARES_XA_FLAG else "",
    )


def _xa_name(body: bytes) -> str:
    """An XA identifier as statements in the binlog spell it: ``x'666f6f',x'',1``."""
    kind, first, second = int.from_bytes(body[:4], "little"), body[4], body[5]
    data = body[6 : 6 + first + second]
    return f"x'{data[:first].hex()}',x'{data[first:].hex()}',{kind}"
