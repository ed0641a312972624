"""A dump file as it is read: plain or gzip, from the first line to the last, and whether it has a last line.

Nothing of the file is changed but what a private server cannot take: names of MySQL 8's collations in definitions of
tables become MariaDB's nearest, and statements about replication ahead of the tables (GTIDs, the position at which a
replica would start) are left out.

    Dump.open() ──▶ blocks() ──▶ the client of a scratch server;  then cut_off()
"""

import gzip
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BufferedIOBase
from pathlib import Path

from refera_platform.errors import LocalStackError

BLOCK = 1 << 20
LONGEST_LINE = 64 << 20
EDGE = 8 << 10
"""Bytes at either end of the file in which headers and closing lines are looked for."""
OTHER_KINDS = {
    b"PK\x03\x04": "a zip archive",
    b"BZh": "bzip2-compressed",
    b"\xfd7zXZ": "xz-compressed",
    b"\x28\xb5\x2f\xfd": "zstd-compressed",
    b"7z\xbc\xaf": "a 7z archive",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
}
GZIP = b"\x1f\x8b"
COLLATION = re.compile(rb"\butf8mb4_(?:[a-z]+_)*0900_(ai_ci|as_ci|as_cs|bin)\b")
DEFINITION = re.compile(rb"\)|\s+`|/\*!|CREATE |ALTER |SET ")
"""How a line of a definition begins; a line of rows never does."""
GTIDS = re.compile(rb"SET @@GLOBAL\.GTID_PURGED|SET GLOBAL gtid_slave_pos", re.IGNORECASE)
REPLICA = re.compile(rb"CHANGE (?:MASTER|REPLICATION SOURCE) ", re.IGNORECASE)
"""Written by --master-data and --source-data, once, ahead of the tables."""
TABLE = re.compile(rb"CREATE TABLE|INSERT ", re.IGNORECASE)
"""How the first line begins behind which no statement about replication is looked for."""
SAVED = re.compile(rb"@(OLD_\w+)\s*:?=\s*@@")
HEADER = re.compile(rb"^-- (?:MySQL|MariaDB) dump ", re.MULTILINE)


@dataclass(kw_only=True)
class Dump:
    """One file that should hold SQL."""

    path: Path
    size: int
    """Bytes on disk."""
    lines: int = 0
    """Lines read so far."""
    ended: bool = False
    """Whether it was read to its end."""
    translated: bool = False
    """Whether collations of MySQL 8 were replaced."""
    left_out: dict[str, None] = field(default_factory=dict)
    """What was left out about replication, in words, in the order of the file."""
    broken_archive: str = ""
    """Why the file could not be decompressed to its end."""
    _head: bytes = field(default=b"", repr=False)
    _tail: bytes = field(default=b"", repr=False)

    @classmethod
    def open(cls, path: Path) -> "Dump":
        """Look at the file's beginning.

        Raises:
            LocalStackError: if it cannot be a dump.
        """
        remedy = "give the path of a file that mysqldump wrote."
        if path.is_dir():
            raise LocalStackError(f"{path} is a folder, not a dump file:", remedy)
        try:
            with path.open("rb") as file:
                start = file.read(EDGE)
            size = path.stat().st_size
        except FileNotFoundError:
            raise LocalStackError(f"There is no file {path}:", remedy) from None
        except OSError as refused:
            raise LocalStackError(f"{path} cannot be read ({refused.strerror}):", remedy) from refused
        if not start.strip():
            raise LocalStackError(f"{path} is empty:", remedy)
        for magic, kind in OTHER_KINDS.items():
            if start.startswith(magic):
                advice = (
                    "dump again with mysqldump --result-file=dump.sql; the shell's > re-encoded it."
                    if kind == "UTF-16 text"
                    else "unpack it first."
                )
                raise LocalStackError(f"{path} is {kind}, not SQL text or gzip:", advice)
        if b"\0" in start and not start.startswith(GZIP):
            raise LocalStackError(f"{path} is a binary file, not SQL text:", remedy)
        return cls(path=path, size=size)

    def blocks(self) -> Iterator[tuple[bytes, int]]:
        """The file as the client is to read it, and how many bytes of the disk's were read so far."""
        self.lines, self.ended, self._head, self._tail = 0, False, b"", b""
        with self.path.open("rb") as file:
            compressed = file.read(len(GZIP)) == GZIP
            file.seek(0)
            source: BufferedIOBase = gzip.GzipFile(fileobj=file) if compressed else file
            block: list[bytes] = []
            held = 0
            for line in self._lines(source):
                block.append(line)
                held += len(line)
                if held >= BLOCK:
                    yield self._kept(b"".join(block)), file.tell()
                    block, held = [], 0
            yield self._kept(b"".join(block)), file.tell()

    def cut_off(self) -> str:
        """What is missing at the end of the file that was read; empty when nothing is."""
        if self.broken_archive or not self.ended:
            return self.broken_archive
        end = self._tail.rstrip()
        last_line = end.rpartition(b"\n")[2].lstrip()
        if not end.endswith((b";", b"*/")) and not last_line.startswith((b"--", b"#")):
            return "it ends inside a statement"
        if HEADER.search(self._head) and b"-- Dump completed" not in self._tail:
            return "it ends without the line `-- Dump completed`"
        for name in SAVED.findall(self._head):
            if not re.search(rb"@" + name + rb"\b(?!\s*:?=\s*@@)", self._tail):
                return f"it ends without restoring {name.decode().removeprefix('OLD_')}"
        return ""

    def _lines(self, source: BufferedIOBase) -> Iterator[bytes]:
        """Line by line, in the words of MariaDB; never more than a bounded piece of a line."""
        at_start, skipping, ahead = True, False, True
        while line := self._read(source):
            ahead = ahead and not (at_start and TABLE.match(line))
            if at_start and (skipping or (ahead and self._is_of_replication(line))):
                skipping = not line.rstrip().endswith(b";")
                line = b"\n"
            elif at_start and b"_0900_" in line and DEFINITION.match(line):
                line = self._translated(line)
            at_start = line.endswith(b"\n")
            self.lines += at_start
            yield line
        self.lines += not at_start
        self.ended = True

    def _read(self, source: BufferedIOBase) -> bytes:
        try:
            return source.readline(LONGEST_LINE)
        except EOFError:
            self.broken_archive = "its gzip stream ends too early"
        except (gzip.BadGzipFile, zlib.error):
            self.broken_archive = "its gzip stream is damaged"
        return b""

    def _is_of_replication(self, line: bytes) -> bool:
        if GTIDS.match(line):
            self.left_out["GTIDs"] = None
            return True
        if REPLICA.match(line):
            self.left_out["the position at which a replica would start"] = None
            return True
        return False

    def _translated(self, line: bytes) -> bytes:
        def nearest(found: re.Match[bytes]) -> bytes:
            return b"utf8mb4_unicode_520_nopad_ci" if found[1] == b"ai_ci" else b"utf8mb4_nopad_bin"

        line, count = COLLATION.subn(nearest, line)
        self.translated |= bool(count)
        return line

    def _kept(self, block: bytes) -> bytes:
        """The block, its share of the file's head and tail remembered."""
        if len(self._head) < EDGE:
            self._head = (self._head + block)[:EDGE]
        self._tail = (self._tail + block)[-EDGE:]
        return block
