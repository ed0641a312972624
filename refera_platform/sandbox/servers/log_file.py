"""The log of a private server: kept for one start back, and asked for its last words."""

import re
from pathlib import Path

TAIL = 64 << 10
"""Bytes at the end of a log in which the cause of a failure is looked for."""
LONGEST = 300
ERROR = re.compile(r"^.*\[ERROR\] (?P<words>.*)$")
"""MariaDB: the first says why, the others what came of it."""
FATAL = re.compile(r"^(?:[EF]\d{4} \S+ \S+ |panic: |fatal error: )(?P<words>.*)$")
"""SeaweedFS: the last is the one it died of."""
REMEDIES = {
    re.compile(r"no space left|(errno|errcode|error):? 28\b|disk full", re.I): "free disk space and run it again.",
    re.compile(r"permission denied|(errno|errcode|error):? 13\b", re.I): "give yourself the folder and its files.",
    re.compile(r"unable to lock|resource temporarily unavailable", re.I): (
        "another server, perhaps in another container, has the same data open: stop it."
    ),
}
PORT_TAKEN = re.compile(r"address already in use|is not available on .* and cannot be used", re.IGNORECASE)


def rotate(log: Path) -> None:
    """Set the log of the previous start aside."""
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists():
        log.replace(log.with_name(f"{log.name}.1"))


def last_words(log: Path) -> str:
    """The line that says what went wrong; the last line of all when none does."""
    lines = _tail(log)
    errors = [found["words"] for line in lines if (found := ERROR.match(line))]
    fatal = [found["words"] for line in lines if (found := FATAL.match(line))]
    return [*(lines[-1:] or ["it wrote nothing to its log"]), *fatal, *errors[:1]][-1][:LONGEST]


def explain(state: str, log: Path) -> tuple[str, str]:
    """The sentence and the remedy for a server in a bad state."""
    words = last_words(log)
    remedy = next((remedy for pattern, remedy in REMEDIES.items() if pattern.search("\n".join(_tail(log)))), "")
    return f"{state}: {words.rstrip('.')} (log: {log}){';' if remedy else '.'}", remedy


def says_port_taken(log: Path) -> bool:
    """Whether the server gave up because somebody else has its port."""
    return any(PORT_TAKEN.search(line) for line in _tail(log))


def _tail(log: Path) -> list[str]:
    if not log.exists():
        return []
    with log.open("rb") as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - TAIL))
        text = file.read().decode(errors="replace")
    return [line.strip() for line in text.splitlines() if line.strip()]
