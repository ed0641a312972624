"""Reader of a dump file: plain or gzip, line by line, with detection of a truncated file.

Only what MariaDB cannot take is changed: collations of MySQL 8 in table definitions become MariaDB's nearest, and
replication statements ahead of the tables (GTIDs, the position at which a replica would start) are left out.

    DumpFile.open() ──▶ blocks() ──▶ the client of a scratch server;  then truncation_reason()
"""

import gzip
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BufferedIOBase
from pathlib import Path

from refera_platform.errors import LocalStackError

BLOCK_BYTES = 1 << 20
MAX_LINE_BYTES = 64 << 20
EDGE_BYTES = 8 << 10
"""Bytes at either end of the file in which headers and closing lines are looked for."""
UNSUPPORTED_FORMATS = {
    b"PK\x03\x04": "a zip archive",
    b"BZh": "bzip2-compressed",
    b"\xfd7zXZ": "xz-compressed",
    b"\x28\xb5\x2f\xfd": "zstd-compressed",
    b"7z\xbc\xaf": "a 7z archive",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
}
GZIP_MAGIC = b"\x1f\x8b"
COLLATION_PATTERN = re.compile(rb"\butf8mb4_(?:[a-z]+_)*0900_(ai_ci|as_ci|as_cs|bin)\b")
DEFINITION_PATTERN = re.compile(rb"\)|\s+`|/\*!|CREATE |ALTER |SET ")
"""How a line of a definition begins; a line of rows never does."""
GTID_PATTERN = re.compile(rb"SET @@GLOBAL\.GTID_PURGED|SET GLOBAL gtid_slave_pos", re.IGNORECASE)
REPLICA_PATTERN = re.compile(rb"CHANGE (?:MASTER|REPLICATION SOURCE) ", re.IGNORECASE)
"""Written by --master-data and --source-data, once, ahead of the tables."""
TABLE_PATTERN = re.compile(rb"CREATE TABLE|INSERT ", re.IGNORECASE)
"""Begin of the first line after which no replication statement is looked for."""
SAVED_SETTING_PATTERN = re.compile(rb"@(OLD_\w+)\s*:?=\s*@@")
HEADER_PATTERN = re.compile(rb"^-- (?:MySQL|MariaDB) dump ", re.MULTILINE)


@dataclass(kw_only=True)
class DumpFile:
    """One dump file."""

    path: Path
    size: int
    """Bytes on disk."""
    line_count: int = 0
    """Lines read so far."""
    is_fully_read: bool = False
    """Whether it was read to its end."""
    is_translated: bool = False
    """Whether collations of MySQL 8 were replaced."""
    left_out: dict[str, None] = field(default_factory=dict)
    """Descriptions of the replication statements that were left out, in the order of the file."""
    archive_error: str = ""
    """Why the file could not be decompressed to its end."""
    _head: bytes = field(default=b"", repr=False)
    _tail: bytes = field(default=b"", repr=False)

    @classmethod
    def open(cls, path: Path) -> "DumpFile":
        """Check the beginning of the file.

        Raises:
            LocalStackError: if it cannot be a dump.
        """
        remedy = "give the path of a file that mysqldump wrote."
        if path.is_dir():
            raise LocalStackError(f"{path} is a folder, not a dump file:", remedy)
        try:
            with path.open("rb") as file:
                start = file.read(EDGE_BYTES)
            size = path.stat().st_size
        except FileNotFoundError:
            raise LocalStackError(f"There is no file {path}:", remedy) from None
        except OSError as refused:
            raise LocalStackError(f"{path} cannot be read ({refused.strerror}):", remedy) from refused
        if not start.strip():
            raise LocalStackError(f"{path} is empty:", remedy)
        for magic, kind in UNSUPPORTED_FORMATS.items():
            if start.startswith(magic):
                advice = (
                    "dump again with mysqldump --result-file=dump.sql; the shell's > re-encoded it."
                    if kind == "UTF-16 text"
                    else "unpack it first."
                )
                raise LocalStackError(f"{path} is {kind}, not SQL text or gzip:", advice)
        if b"\0" in start and not start.startswith(GZIP_MAGIC):
            raise LocalStackError(f"{path} is a binary file, not SQL text:", remedy)
        return cls(path=path, size=size)

    def blocks(self) -> Iterator[tuple[bytes, int]]:
        """The file in blocks for the client, each with the bytes read from disk so far."""
        self.line_count, self.is_fully_read, self._head, self._tail = 0, False, b"", b""
        with self.path.open("rb") as file:
            compressed = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
            file.seek(0)
            source: BufferedIOBase = gzip.GzipFile(fileobj=file) if compressed else file
            block: list[bytes] = []
            block_size = 0
            for line in self._lines(source):
                block.append(line)
                block_size += len(line)
                if block_size >= BLOCK_BYTES:
                    yield self._remember_edges(b"".join(block)), file.tell()
                    block, block_size = [], 0
            yield self._remember_edges(b"".join(block)), file.tell()

    def truncation_reason(self) -> str:
        """What is missing at the end of the file after it was read; empty when nothing is."""
        if self.archive_error or not self.is_fully_read:
            return self.archive_error
        end = self._tail.rstrip()
        last_line = end.rpartition(b"\n")[2].lstrip()
        if not end.endswith((b";", b"*/")) and not last_line.startswith((b"--", b"#")):
            return "it ends inside a statement"
        if HEADER_PATTERN.search(self._head) and b"-- Dump completed" not in self._tail:
            return "it ends without the line `-- Dump completed`"
        for name in SAVED_SETTING_PATTERN.findall(self._head):
            if not re.search(rb"@" + name + rb"\b(?!\s*:?=\s*@@)", self._tail):
                return f"it ends without restoring {name.decode().removeprefix('OLD_')}"
        return ""

    def _lines(self, source: BufferedIOBase) -> Iterator[bytes]:
        """The lines as MariaDB can take them, in parts of at most ``MAX_LINE_BYTES``."""
        at_start, is_skipping, is_before_tables = True, False, True
        while line := self._read_line(source):
            is_before_tables = is_before_tables and not (at_start and TABLE_PATTERN.match(line))
            if at_start and (is_skipping or (is_before_tables and self._is_replication_statement(line))):
                is_skipping = not line.rstrip().endswith(b";")
                line = b"\n"
            elif at_start and b"_0900_" in line and DEFINITION_PATTERN.match(line):
                line = self._translate_collations(line)
            at_start = line.endswith(b"\n")
            self.line_count += at_start
            yield line
        self.line_count += not at_start
        self.is_fully_read = True

    def _read_line(self, source: BufferedIOBase) -> bytes:
        try:
            return source.readline(MAX_LINE_BYTES)
        except EOFError:
            self.archive_error = "its gzip stream ends too early"
        except (gzip.BadGzipFile, zlib.error):
            self.archive_error = "its gzip stream is damaged"
        return b""

    def _is_replication_statement(self, line: bytes) -> bool:
        if GTID_PATTERN.match(line):
            self.left_out["GTIDs"] = None
            return True
        if REPLICA_PATTERN.match(line):
            self.left_out["the position at which a replica would start"] = None
            return True
        return False

    def _translate_collations(self, line: bytes) -> bytes:
        def nearest(match: re.Match[bytes]) -> bytes:
            return b"utf8mb4_unicode_520_nopad_ci" if match[1] == b"ai_ci" else b"utf8mb4_nopad_bin"

        line, count = COLLATION_PATTERN.subn(nearest, line)
        self.is_translated |= bool(count)
        return line

    def _remember_edges(self, block: bytes) -> bytes:
        """Return the block, after keeping the head and tail of the file up to it."""
        if len(self._head) < EDGE_BYTES:
            self._head = (self._head + block)[:EDGE_BYTES]
        self._tail = (self._tail + block)[-EDGE_BYTES:]
        return block
