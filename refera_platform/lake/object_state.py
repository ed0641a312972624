"""State of a raw object: stored as JSON in the object's own Parquet footer, so no second store can disagree with it.

Holds the dataclass and its text form only; ``lake.lake`` reads footers and ``lake.writer`` writes them.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from importlib.metadata import version
from typing import Any

from refera_platform.errors import DamagedError, LakeError
from refera_platform.json_codec import decode_values, encode_values, parse_json_object

STATE_FORMAT_VERSION = 1
FOOTER_KEY = "refera"
OPERATION_NAMES: Mapping[str, str] = {"r": "read", "c": "created", "u": "updated", "d": "deleted"}
"""Name of each ``_op``."""


@dataclass(frozen=True, kw_only=True)
class RawState:
    """The state of one day's object of one table."""

    database: str
    table: str
    day: date
    strategy: str
    server: str
    """Identity of the server that the rows were read from."""
    schema: str
    """Name of the schema on that server."""
    start_position: str
    """End position of the day before; empty for the first day. For ``compare``, an instant."""
    end_position: str
    """How far the source was read: a binlog position, an instant, or the highest value of a cursor."""
    read_at: str = ""
    """UTC instant at which the source was read last, as ISO; empty in the oldest objects (see ``source_read_at``)."""
    resume_position: str = ""
    """For ``log``: position to read from next, before ``end_position`` when transactions were prepared (XA) there."""
    is_closed: bool = True
    """For ``log``: whether the day was over when it was read, so that no later row can belong to it."""
    is_settled: bool = True
    """For ``log``: false when the table changed without row events and was not read again since."""
    baseline: int = 0
    """For ``log``: number of the last snapshot in this object (its ``passes`` then); 0 without a snapshot. With
    ``OTHER_BINLOG_OFFSET`` added when rows before it come from another binlog."""
    is_replayable: bool = True
    """For ``log``: false when rows of the object were read from the table: the binlog alone cannot give them."""
    origin: str = ""
    """Random id given at the first write and kept when rows are added: same origin, same first rows."""
    is_whole: bool = False
    """Whether the whole table was read into the object, so that the current state needs no earlier object."""
    is_observed: bool = True
    """False for a day without a read: its changes are in the next observed day."""
    unknown_since: str = ""
    """For ``log``: UTC instant, as ISO, from which changes are unknown because the binlog was gone; empty when all
    changes before the object are known. The last known state is that of the observed object before."""
    unknown_until: str = ""
    """UTC instant, as ISO, at which the table was read again."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Parquet type of each source column, in the server's order."""
    source_types: Mapping[str, str] = field(default_factory=dict)
    """For ``log``: type and character set of each column at the source, for a binlog without column names."""
    collations: Mapping[str, str] = field(default_factory=dict)
    """Collation of each text column; empty in objects of before 2026-12, whose texts are compared exactly."""
    schema_version: int = 1
    """Grows by one when the columns change."""
    schema_since: str = ""
    """Day (ISO) since which one type holds all values of each column; empty when this holds for every day."""
    rows: Mapping[str, int] = field(default_factory=dict)
    """Rows of the object by ``_op``."""
    table_rows: int | None = None
    """For ``log``: rows of the table at the end position, by adding up changes; ``None`` when they must be counted."""
    source_rows: int | None = None
    """Rows of the source at the end position; ``None`` when the source was past it or they were not counted."""
    source_money: str | None = None
    """Sum of the table's declared amount at that position, as decimal text."""
    source_groups: Mapping[str, tuple[tuple[Any, ...], ...]] = field(default_factory=dict)
    """Both by declared grouping: (value as text, rows, money as decimal text), the largest first."""
    quirks: Mapping[str, int] = field(default_factory=dict)
    """Count of values, by column, that no Parquet type holds and that were stored as NULL."""
    passes: int = 1
    """Number of ingest runs that wrote the object."""
    code_version: str = field(default_factory=lambda: version("refera-platform"))

    @property
    def fingerprint(self) -> str:
        """Short hash of the columns and their types."""
        return hashlib.sha256(json.dumps(list(self.columns.items())).encode()).hexdigest()[:16]

    @property
    def source_read_at(self) -> str:
        """The instant at which the source was read last, as ISO text."""
        if self.read_at:
            return self.read_at
        # objects without ``read_at`` are all of ``compare`` or ``snapshot``, whose end position is an instant
        return self.end_position or f"{self.day}T00:00:00+00:00"

    @property
    def row_count(self) -> int:
        """Rows of the object."""
        return sum(self.rows.values())

    def to_json(self) -> str:
        """The text for the footer."""
        content = {"format": STATE_FORMAT_VERSION, **encode_values(self), "fingerprint": self.fingerprint}
        content["columns"] = list(self.columns.items())
        return json.dumps({**content, "checksum": _checksum(content)})

    @classmethod
    def from_json(cls, text: str, url: str) -> "RawState":
        """Parse a footer's text.

        A text of earlier versions has no checksum and is not verified.

        Raises:
            DamagedError: when the checksum differs.
            LakeError: when the state is missing, malformed or of a later format.
        """
        remedy = "move the object away and capture the day again."
        try:
            content = parse_json_object(text)
            checksum = content.pop("checksum", "")
            is_intact = checksum in ("", _checksum(content))
            if content.pop("format") > STATE_FORMAT_VERSION:
                raise LakeError(f"{url} was written by a later version of refera_platform:", "update this one.")
            if not is_intact:
                raise DamagedError(
                    f"The state that {url} carries is not the one that was written: its checksum differs.",
                    "Run it again; if it stays, the store has damaged the object: put back an earlier version of it, or"
                    " move it away and capture the day again.",
                )
            content.pop("fingerprint")
            return decode_values({**content, "columns": dict(content["columns"])}, cls)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise LakeError(f"{url} does not carry the state of a raw object:", remedy) from error


def _checksum(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
