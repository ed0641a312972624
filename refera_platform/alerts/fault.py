"""Fault: one thing that is wrong now, and the fingerprint by which faults of one cause are equal.

failed run, failed check ──▶ Fault ──▶ Incident (faults of one cause)

``orchestration.run_history`` finds the faults; ``incident`` groups them.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

MAX_CAUSE_CHARACTERS = 500
"""Most characters of a cause that are shown; the rest is behind the link."""
SYMPTOM_SEPARATOR = "\t"
"""Separator between a name and its detail in a symptom."""
TABLE_PLACEHOLDER = "the table"
"""Replacement of a name in a cause that is true of several tables."""
_CREDENTIALS = re.compile(r"://[^/\s@]+@")


class FaultKind(StrEnum):
    """Kind of a fault; its value is what is stored."""

    RUN = "RUN"
    CHECK = "CHECK"
    OVERDUE = "OVERDUE"
    REFUSED = "REFUSED"
    """No run at all can make the day: it is reported once, and its recovery is not expected."""

    @property
    def label(self) -> str:
        """What people call it."""
        return KIND_LABELS[self]


KIND_LABELS = {
    FaultKind.RUN: "Failed run",
    FaultKind.CHECK: "Failed check",
    FaultKind.OVERDUE: "Overdue table",
    FaultKind.REFUSED: "Refused day",
}


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing that is wrong now."""

    kind: FaultKind
    cause: str
    """One sentence of whatever failed; not sanitized."""
    affected: tuple[str, ...]
    """Affected assets, as their keys are written (``raw/classicmodels/orders``), or a job."""
    link: str
    """Path in the UI: ``/runs/…``."""
    since: datetime
    run_id: str = ""
    """The run that found it."""
    symptoms: tuple[str, ...] = ()
    """What is wrong of each affected name, as ``symptom`` writes it; empty when only the names are known."""

    @property
    def shown_cause(self) -> str:
        """The cause, sanitized for display."""
        return one_line(self.cause)

    @property
    def generic_cause(self) -> str:
        """The cause without the names of affected tables, so that it is equal for all of them."""
        cause = self.shown_cause
        names = sorted({form for thing in self.affected for form in _spellings(thing)}, key=len, reverse=True)
        if not names:
            return cause
        pattern = "|".join(map(re.escape, names))
        return re.sub(rf"(?:\b[Tt]able\s+)?(?<!\w)(?:{pattern})(?!\w)", TABLE_PLACEHOLDER, cause)

    @property
    def fingerprint(self) -> str:
        """Hash of the generic cause without numbers and days: equal for faults of one cause, on any day."""
        tokens = ["#" if any(sign.isdigit() for sign in token) else token for token in self.generic_cause.split()]
        return hashlib.sha256(" ".join(tokens).casefold().encode()).hexdigest()[:16]


def symptom(name: str, detail: str) -> str:
    """Symptom of a name: its day, or its check."""
    return f"{name}{SYMPTOM_SEPARATOR}{detail}"


def one_line(text: str) -> str:
    """A foreign text as one line: bounded, without control characters and credentials."""
    printable = "".join(sign if sign.isprintable() else " " for sign in text[: 20 * MAX_CAUSE_CHARACTERS])
    line = _CREDENTIALS.sub("://…@", " ".join(printable.split()))
    return line if len(line) <= MAX_CAUSE_CHARACTERS else f"{line[: MAX_CAUSE_CHARACTERS - 1]}…"


def _spellings(name: str) -> set[str]:
    """Forms in which sentences write the name of an asset."""
    parts = name.split("/")
    return {name, ".".join(parts[1:]) or name, parts[-1]}
