"""What a raw object knows of itself, kept in its own Parquet footer: there is no second store that can disagree."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from importlib.metadata import version
from typing import Any

from refera_platform.errors import DamagedError, LakeError
from refera_platform.json_fields import require_json_object, require_types

STATE_FORMAT_VERSION = 1
FOOTER_KEY = "refera"
OPERATION_NAMES: Mapping[str, str] = {"r": "read", "c": "created", "u": "updated", "d": "deleted"}
"""Each ``_op`` in words."""


@dataclass(frozen=True, kw_only=True)
class RawState:
    """The state that one day's object of one table carries."""

    database: str
    table: str
    day: date
    strategy: str
    server: str
    """Identity of the server the rows came from."""
    schema: str
    """Name of the schema on that server."""
    start_position: str
    """Where the day before ended; empty for the first capture. For ``compare``, an instant."""
    end_position: str
    """How far the source had been read: a place in the log, an instant, or the highest value of a cursor."""
    read_at: str = ""
    """UTC instant at which the source was read last, as ISO; empty in objects of before there was a log."""
    resume_position: str = ""
    """For ``log``: where to read from to know the transactions that were prepared, and not committed, at the end."""
    is_closed: bool = True
    """For ``log``: whether the day was over when it was read, so that no later row can belong to it."""
    is_settled: bool = True
    """For ``log``: false when the table changed in ways that the log does not tell and was not yet read anew."""
    baseline: int = 0
    """For ``log``: the pass in which the whole table was last read into this object; 0 when there was none. With
    ``OTHER_BINLOG_OFFSET`` added when rows before it are of another binlog."""
    is_replayable: bool = True
    """For ``log``: false when rows of the object came from reading the table: the log alone cannot give them."""
    origin: str = ""
    """Drawn when the object was first written, and carried on when it grew: the same origin, the same first rows."""
    is_whole: bool = False
    """Whether the whole table was read into the object, so that its state needs nothing that lies before it."""
    is_observed: bool = True
    """False for a day that went by unseen: its changes lie in the next observed day."""
    unknown_since: str = ""
    """For ``log``: UTC instant, as ISO, from which on nobody knows what happened, since the log was gone; empty when
    everything before the object is known. The last state before it is that of the observed object before."""
    unknown_until: str = ""
    """Instant at which the table was read again."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Parquet type of each source column, in the server's order."""
    source_types: Mapping[str, str] = field(default_factory=dict)
    """For ``log``: type and character set of each column at the source, for a log that does not name its columns."""
    collations: Mapping[str, str] = field(default_factory=dict)
    """How the source compares each of its texts; nothing in objects of before 2026-12, whose texts count as typed."""
    schema_version: int = 1
    """Grows by one when the columns change."""
    schema_since: str = ""
    """Day (ISO) since which one type holds all values of each column; empty when that is so of every day."""
    rows: Mapping[str, int] = field(default_factory=dict)
    """Rows of the object by ``_op``."""
    table_rows: int | None = None
    """For ``log``: rows of the table after the object, by what came and went; ``None`` when they must be counted."""
    source_rows: int | None = None
    """Rows that the source had when the object was written; ``None`` when the object's moment was over for it."""
    source_money: str | None = None
    """Sum of the table's declared amount at that moment, as decimal text."""
    source_groups: Mapping[str, Sequence[Sequence[Any]]] = field(default_factory=dict)
    """The same in groups, by declared grouping: (value as text, rows, money as decimal text), the largest first."""
    quirks: Mapping[str, int] = field(default_factory=dict)
    """Values of the source, by column, that no Parquet type holds and that were kept as NULL."""
    passes: int = 1
    """How many reads went into the object."""
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
        # only ``compare`` and ``snapshot`` are so old that they have no other field
        return self.end_position or f"{self.day}T00:00:00+00:00"

    @property
    def row_count(self) -> int:
        """Rows of the object."""
        return sum(self.rows.values())

    def to_json(self) -> str:
        """The text that goes into the footer."""
        content = {
            "format": STATE_FORMAT_VERSION,
            **asdict(self),
            "day": self.day.isoformat(),
            "fingerprint": self.fingerprint,
        }
        content["columns"] = list(self.columns.items())
        return json.dumps({**content, "checksum": _checksum(content)})

    @classmethod
    def from_json(cls, text: str, url: str) -> "RawState":
        """Read a footer's text back.

        A text of earlier versions has no checksum and is taken as it is.

        Raises:
            LakeError: for an object whose state is missing, damaged or of a later format.
        """
        remedy = "move the object away and capture the day again."
        try:
            content = require_json_object(json.loads(text))
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
            content |= {"day": date.fromisoformat(content["day"]), "columns": dict(content["columns"])}
            groups = content.get("source_groups", {}).items()
            content["source_groups"] = {kind: tuple(map(tuple, each)) for kind, each in groups}
            state = cls(**content)
            require_types(state)
            return state
        except (ValueError, KeyError, TypeError) as error:
            raise LakeError(f"{url} does not carry the state of a raw object:", remedy) from error


def _checksum(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
