"""One thing that is wrong now, as somebody saw it, and the words by which two of them are told to be the same.

run, check ──▶ Fault ──▶ incident (faults that have one cause)
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

MAX_CAUSE_CHARACTERS = 500
"""Characters of a cause that are told; the rest is behind the link."""
SYMPTOM_SEPARATOR = "\t"
"""What stands between a name and what is wrong of it."""
TABLE_PLACEHOLDER = "the table"
"""What stands for a name when the same is true of several."""
_CREDENTIALS = re.compile(r"://[^/\s@]+@")


class FaultKind(StrEnum):
    """What a person would call it."""

    RUN = "Failed run"
    CHECK = "Failed check"
    OVERDUE = "Overdue table"
    REFUSED = "Refused day"
    """No run at all can make it: it is told once, and nobody waits for its end."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing that is wrong now."""

    kind: FaultKind
    cause: str
    """One sentence, of whoever failed: it may hold anything."""
    affected: tuple[str, ...]
    """Assets that are not as they should be, as their keys are written (``raw/classicmodels/orders``), or a job."""
    link: str
    """Where the UI shows it, from its root: ``/runs/…``."""
    since: datetime
    run_id: str = ""
    """The run that found it."""
    symptoms: tuple[str, ...] = ()
    """What exactly is wrong of each thing, as ``mark`` writes it; the names alone when nobody says more."""

    @property
    def shown_cause(self) -> str:
        """The cause as it can be shown."""
        return one_line(self.cause)

    @property
    def generic_cause(self) -> str:
        """The cause without the names of what it struck: the same for each of eight tables."""
        cause = self.shown_cause
        names = sorted({form for thing in self.affected for form in _spellings(thing)}, key=len, reverse=True)
        if not names:
            return cause
        pattern = "|".join(map(re.escape, names))
        return re.sub(rf"(?:\b[Tt]able\s+)?(?<!\w)(?:{pattern})(?!\w)", TABLE_PLACEHOLDER, cause)

    @property
    def fingerprint(self) -> str:
        """Equal for faults that have one cause, today and tomorrow: numbers and days make no difference."""
        tokens = ["#" if any(sign.isdigit() for sign in token) else token for token in self.generic_cause.split()]
        return hashlib.sha256(" ".join(tokens).casefold().encode()).hexdigest()[:16]


def symptom(name: str, detail: str) -> str:
    """What exactly is wrong of a thing: its day, or its check."""
    return f"{name}{SYMPTOM_SEPARATOR}{detail}"


def one_line(text: str) -> str:
    """A text that somebody else wrote, as one line of bounded length without control characters or credentials."""
    printable = "".join(sign if sign.isprintable() else " " for sign in text[: 20 * MAX_CAUSE_CHARACTERS])
    line = _CREDENTIALS.sub("://…@", " ".join(printable.split()))
    return line if len(line) <= MAX_CAUSE_CHARACTERS else f"{line[: MAX_CAUSE_CHARACTERS - 1]}…"


def _spellings(name: str) -> set[str]:
    """How sentences write the name of an asset."""
    parts = name.split("/")
    return {name, ".".join(parts[1:]) or name, parts[-1]}
