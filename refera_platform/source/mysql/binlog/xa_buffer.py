"""Events of a prepared XA transaction, kept until the log says what became of it; on disk when they are many."""

import struct
import tempfile
from collections.abc import Iterator

from refera_platform.source.mysql.binlog import events
from refera_platform.source.mysql.binlog.events import BinlogEvent
from refera_platform.source.mysql.binlog.position import Position

MAX_MEMORY_BYTES = 16 << 20
"""Bytes above which they go to a file."""
FRAME_HEADER = struct.Struct("<BI")


class XaBuffer:
    """The table maps and rows of one prepared transaction."""

    def __init__(self, position: Position, name: str) -> None:
        self.place = position
        self.name = name
        self.is_unclear = False
        """Whether it did things that its rows do not tell."""
        # a file of its own, closed by the collector or close(): it lives as long as the transaction is open
        self._file = tempfile.SpooledTemporaryFile(max_size=MAX_MEMORY_BYTES)  # noqa: SIM115

    def append_event(self, event: BinlogEvent) -> None:
        """Add one event, uncompressed when it was compressed."""
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
        """Forget them."""
        self._file.close()
