"""One thing that is wrong now, as somebody saw it, and the words by which two of them are told to be the same.

run, check ──▶ Fault ──▶ incident (faults that have one cause)
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

LONGEST = 500
"""Characters of a cause that are told; the rest is behind the link."""
MARK = "\t"
"""What stands between a name and what is wrong of it."""
TABLE = "the table"
"""What stands for a name when the same is true of several."""
_CREDENTIALS = re.compile(r"://[^/\s@]+@")


class Kind(StrEnum):
    """What a person would call it."""

    RUN = "Failed run"
    CHECK = "Failed check"
    OVERDUE = "Overdue table"
    REFUSED = "Refused day"
    """No run at all can make it: it is told once, and nobody waits for its end."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing that is wrong now."""

    kind: Kind
    cause: str
    """One sentence, of whoever failed: it may hold anything."""
    things: tuple[str, ...]
    """Assets that are not as they should be, as their keys are written (``raw/classicmodels/orders``), or a job."""
    link: str
    """Where the UI shows it, from its root: ``/runs/…``."""
    since: datetime
    run_id: str = ""
    """The run that found it."""
    marks: tuple[str, ...] = ()
    """What exactly is wrong of each thing, as ``mark`` writes it; the names alone when nobody says more."""

    @property
    def said(self) -> str:
        """The cause as it can be shown."""
        return one_line(self.cause)

    @property
    def unnamed(self) -> str:
        """The cause without the names of what it struck: the same for each of eight tables."""
        said = self.said
        names = sorted({form for thing in self.things for form in _forms(thing)}, key=len, reverse=True)
        if not names:
            return said
        forms = "|".join(map(re.escape, names))
        return re.sub(rf"(?:\b[Tt]able\s+)?(?<!\w)(?:{forms})(?!\w)", TABLE, said)

    @property
    def key(self) -> str:
        """Equal for faults that have one cause, today and tomorrow: numbers and days make no difference."""
        words = ["#" if any(sign.isdigit() for sign in word) else word for word in self.unnamed.split()]
        return hashlib.sha256(" ".join(words).casefold().encode()).hexdigest()[:16]


def mark(thing: str, detail: str) -> str:
    """What exactly is wrong of a thing: its day, or its check."""
    return f"{thing}{MARK}{detail}"


def one_line(text: str) -> str:
    """A text that somebody else wrote, as one line of bounded length without control characters or credentials."""
    shown = "".join(sign if sign.isprintable() else " " for sign in text[: 20 * LONGEST])
    line = _CREDENTIALS.sub("://…@", " ".join(shown.split()))
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def _forms(thing: str) -> set[str]:
    """How sentences write the name of an asset."""
    parts = thing.split("/")
    return {thing, ".".join(parts[1:]) or thing, parts[-1]}
