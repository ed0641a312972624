"""Position of a raw row: the parts of the sortable text ``_position`` that rows of a change-stream table have.

    20261130-000001-                      day, and number of the day's last snapshot
    0000000007-000000012345-1-            place in the binlog, and whether the row was read there or from the table
    0000000042                            number of the row at that place

Positions of query-based tables are made by ``lake.writer``.
"""

from datetime import date

from refera_platform.source.position import Position

READ_FROM_TABLE, READ_FROM_LOG = 0, 1
"""The row was read from the table at a binlog position, or from the binlog."""
OTHER_BINLOG_OFFSET = 500_000
"""Added to a snapshot's number when earlier rows of its day are of another binlog: their positions do not compare."""
FIRST_ROW_SUFFIX = f"{READ_FROM_LOG}-{0:010d}"
"""The last two parts of the ``_position`` of a transaction's first row."""


def position_prefix(day: date, snapshot_number: int) -> str:
    """The first parts of a row's ``_position``: the day, and the number of the day's last snapshot."""
    return f"{day:%Y%m%d}-{snapshot_number:06d}-"


def position_suffix(position: Position, kind: int) -> str:
    """The parts of a row's ``_position`` that hold the binlog position."""
    return f"{position.file_number:010d}-{position.offset:012d}-{kind}-"
