"""Binlog position: a boundary between two transactions, where a day starts and ends.

File and offset locate the position. The GTID and the time at which the file was begun verify it: after a reset or a
restore from a backup, a server can have the same file and offset with another history. ``verified_position`` checks it.

    binlog.000003:4567 gtid 0-1-123 begun 1764000000
"""

import re
from dataclasses import dataclass

from refera_platform.errors import LakeError

POSITION_PATTERN = re.compile(
    r"(?P<file>.*\.(?P<number>\d+)):(?P<offset>\d+)(?: gtid (?P<gtid>\S+))?(?: begun (?P<begun>\d+))?"
)
FIRST_OFFSET = 4
"""Offset of the first event of a file, behind its magic number."""


@dataclass(frozen=True, kw_only=True)
class Position:
    """A boundary between two transactions in the binlog of one server."""

    file: str
    """Name of the binlog file: ``binlog.000003``."""
    offset: int
    """Offset of the first event after the boundary, in bytes."""
    gtid: str = ""
    """GTIDs before the boundary: one for each domain (MariaDB) or a set (MySQL); empty when the server gives none."""
    begun: int = 0
    """Seconds since 1970 at which the server began the file; 0 when unknown."""

    @property
    def file_number(self) -> int:
        """Number in the file's name."""
        return int(self.file.rpartition(".")[2])

    @property
    def order(self) -> tuple[int, int]:
        """Sort key among the positions of one server."""
        return self.file_number, self.offset

    def __str__(self) -> str:
        gtid, begun = f" gtid {self.gtid}" if self.gtid else "", f" begun {self.begun}" if self.begun else ""
        return f"{self.file}:{self.offset}{gtid}{begun}"

    @classmethod
    def parse(cls, text: str) -> "Position":
        """Parse what ``str`` wrote.

        Raises:
            LakeError: for a text that is no position.
        """
        match = POSITION_PATTERN.fullmatch(text)
        if match is None:
            raise LakeError(
                f"{text!r} is not a binlog position:", "take a new snapshot of the table with `refera resnapshot`."
            )
        return cls(
            file=match["file"],
            offset=int(match["offset"]),
            gtid=match["gtid"] or "",
            begun=int(match["begun"] or 0),
        )
