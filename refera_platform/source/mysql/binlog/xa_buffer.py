"""Buffer of a prepared XA transaction: holds its events until the binlog has its COMMIT or ROLLBACK."""

import struct
import tempfile
from collections.abc import Iterator

from refera_platform.source.mysql.binlog import events
from refera_platform.source.mysql.binlog.events import BinlogEvent
from refera_platform.source.position import Position

MAX_MEMORY_BYTES = 16 << 20
"""Bytes above which the events go to a file."""
FRAME_HEADER = struct.Struct("<BI")


class XaBuffer:
    """Table maps and rows events of one prepared transaction; in memory, or in a temporary file when large."""

    def __init__(self, position: Position, name: str) -> None:
        self.position = position
        self.name = name
        self.is_unclear = False
        """Whether it changed rows that its row events do not show."""
        # no context manager: close() or garbage collection closes it, it must live as long as the transaction is open
        self._file = tempfile.SpooledTemporaryFile(max_size=MAX_MEMORY_BYTES)  # noqa: SIM115

    def append_event(self, event: BinlogEvent) -> None:
        """Add one event, decompressed if needed."""
        body = events.rows_body(event) if event.kind in events.ROWS_EVENTS else event.body
        self._file.write(FRAME_HEADER.pack(event.kind, len(body)))
        self._file.write(body)

    def read_events(self) -> Iterator[tuple[int, bytes]]:
        """Kind and body of each event, in order."""
        self._file.seek(0)
        while frame := self._file.read(FRAME_HEADER.size):
            kind, length = FRAME_HEADER.unpack(frame)
            yield kind, self._file.read(length)

    def close(self) -> None:
        """Drop the events."""
        self._file.close()
