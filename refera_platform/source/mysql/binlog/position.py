"""A place in the log of one server: where a day starts and ends, and the proof that it is still the same place.

The file and the offset find the place at once; the GTID and the second in which the file was begun prove it: a log
that was reset, or a server restored from a backup, can have the same file and offset with another past.

    binlog.000003:4567 gtid 0-1-123 begun 1764000000
"""

import re
from dataclasses import dataclass

from refera_platform.errors import LakeError

POSITION_PATTERN = re.compile(
    r"(?P<file>.*\.(?P<number>\d+)):(?P<offset>\d+)(?: gtid (?P<gtid>\S+))?(?: begun (?P<begun>\d+))?"
)
FIRST_OFFSET = 4
"""Offset of the first event of a file, after its magic number."""


@dataclass(frozen=True, kw_only=True)
class Position:
    """A boundary between two transactions."""

    file: str
    """Name of the log file: ``binlog.000003``."""
    offset: int
    """Bytes from the beginning of the file to the first event behind the boundary."""
    gtid: str = ""
    """GTIDs of all before the boundary: one a domain (MariaDB), a set (MySQL); empty when the server gives none."""
    begun: int = 0
    """Second since 1970 at which the server began the file; 0 when it is not known."""

    @property
    def file_number(self) -> int:
        """Running number of the file."""
        return int(self.file.rpartition(".")[2])

    @property
    def order(self) -> tuple[int, int]:
        """What positions of one server are sorted by."""
        return self.file_number, self.offset

    def __str__(self) -> str:
        gtid, begun = f" gtid {self.gtid}" if self.gtid else "", f" begun {self.begun}" if self.begun else ""
        return f"{self.file}:{self.offset}{gtid}{begun}"

    @classmethod
    def parse(cls, text: str) -> "Position":
        """Read what ``str`` wrote.

        Raises:
            LakeError: for a text that is no position.
        """
        match = POSITION_PATTERN.fullmatch(text)
        if match is None:
            raise LakeError(f"{text!r} is not a position in a log:", "capture the table anew with `refera resnapshot`.")
        return cls(
            file=match["file"],
            offset=int(match["offset"]),
            gtid=match["gtid"] or "",
            begun=int(match["begun"] or 0),
        )
