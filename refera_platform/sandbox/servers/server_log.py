"""Log files of the local servers: keeps one previous file, and finds the error that made a server fail."""

import re
from pathlib import Path

TAIL_BYTES = 64 << 10
"""Bytes at the end of a log file in which the cause of a failure is looked for."""
MAX_ERROR_CHARACTERS = 300
MARIADB_ERROR_PATTERN = re.compile(r"^.*\[ERROR\] (?P<words>.*)$")
"""MariaDB: the first error names the cause, the others are consequences."""
SEAWEEDFS_FATAL_PATTERN = re.compile(r"^(?:[EF]\d{4} \S+ \S+ |panic: |fatal error: )(?P<words>.*)$")
"""SeaweedFS: the last one made it stop."""
REMEDIES_BY_PATTERN = {
    re.compile(r"no space left|(errno|errcode|error):? 28\b|disk full", re.I): "free disk space and run it again.",
    re.compile(r"permission denied|(errno|errcode|error):? 13\b", re.I): "give yourself the folder and its files.",
    re.compile(r"unable to lock|resource temporarily unavailable", re.I): (
        "another server, perhaps in another container, has the same data open: stop it."
    ),
}
PORT_TAKEN_PATTERN = re.compile(r"address already in use|is not available on .* and cannot be used", re.IGNORECASE)


def rotate_log(path: Path) -> None:
    """Rename the log file of the previous start."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        path.replace(path.with_name(f"{path.name}.1"))


def last_error(path: Path) -> str:
    """The line that names the error; the last line of all when none does."""
    lines = _tail(path)
    errors = [match["words"] for line in lines if (match := MARIADB_ERROR_PATTERN.match(line))]
    fatal = [match["words"] for line in lines if (match := SEAWEEDFS_FATAL_PATTERN.match(line))]
    return [*(lines[-1:] or ["it wrote nothing to its log"]), *fatal, *errors[:1]][-1][:MAX_ERROR_CHARACTERS]


def explain_failure(state: str, path: Path) -> tuple[str, str]:
    """Message and remedy for a server that failed."""
    message = last_error(path)
    remedy = next(
        (remedy for pattern, remedy in REMEDIES_BY_PATTERN.items() if pattern.search("\n".join(_tail(path)))), ""
    )
    return f"{state}: {message.rstrip('.')} (log: {path}){';' if remedy else '.'}", remedy


def is_port_taken(path: Path) -> bool:
    """Whether the server stopped because another process has its port."""
    return any(PORT_TAKEN_PATTERN.search(line) for line in _tail(path))


def _tail(path: Path) -> list[str]:
    if not path.exists():
        return []
    with path.open("rb") as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - TAIL_BYTES))
        text = file.read().decode(errors="replace")
    return [line.strip() for line in text.splitlines() if line.strip()]
