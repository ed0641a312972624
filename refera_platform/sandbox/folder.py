"""The folder of a stack: made, recognised as ours, and emptied of what we put there.

A person may point home at any folder by mistake; nothing in it that we did not make is ever deleted.
"""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from refera_platform.errors import LocalStackError
from refera_platform.sandbox import stack_file
from refera_platform.sandbox.servers import short_socket

OWNED_NAMES = frozenset(
    {
        "stack.json",
        "sample.json",
        "stack.lock",
        "restore.lock",
        "mariadb",
        "seaweedfs",
        "logs",
        "scratch",
        "dagster",
        "duckdb-extensions",
        "scratch.lock",
        "running",
    }
)
"""What the stack and the platform make below home."""
FIRST_START_FREE_BYTES, START_FREE_BYTES = 300 << 20, 50 << 20
"""Bytes that two servers need at least: the first time, and any other."""


def claim_home(home: Path) -> None:
    """Make the folder, for its owner alone.

    Raises:
        LocalStackError: if the folder has another purpose already.
    """
    if home in {Path("/"), Path.home()} or (home / ".git").exists():
        raise LocalStackError(f"{home} is not a folder for the local stack:", "give it one of its own.")
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    if home.stat().st_mode & 0o077:
        home.chmod(0o700)


def require_disk_space(home: Path) -> None:
    """Refuse to start on a full disk, where servers hang rather than fail.

    Raises:
        LocalStackError: if there is not enough room.
    """
    free, needed = (
        shutil.disk_usage(home).free,
        START_FREE_BYTES if (home / "mariadb" / "data").exists() else FIRST_START_FREE_BYTES,
    )
    if free < needed:
        raise LocalStackError(
            f"Only {free >> 20} MB are free on the disk of {home}, and the private servers need {needed >> 20} MB:",
            "free disk space and run it again.",
        )


def require_stack_folder(home: Path) -> None:
    """Refuse a folder that no stack was started in.

    Raises:
        LocalStackError: if it has no ``stack.json`` and holds things that are not ours.
    """
    foreign = sorted(entry.name for entry in home.iterdir() if not _is_owned(entry))
    if foreign and not (home / stack_file.STACK_FILE).exists():
        raise LocalStackError(
            f"{home} holds {foreign[0]!r} and no {stack_file.STACK_FILE}, so it does not look like the local"
            " stack's folder:",
            "nothing was deleted; check REFERA_HOME.",
        )


def wipe_home(home: Path) -> None:
    """Delete what is ours, and the folder itself when nothing else is in it."""
    short_socket.remove_short_socket(home / "mariadb" / "mariadbd.sock")
    for entry in home.iterdir():
        if not _is_owned(entry):
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink(missing_ok=True)
    if not any(home.iterdir()):
        home.rmdir()


@contextmanager
def os_errors_explained(home: Path) -> Iterator[None]:
    """Say what an operating system's refusal means for the stack.

    Raises:
        LocalStackError: for every ``OSError`` of the block.
    """
    try:
        yield
    except OSError as refused:
        remedies = {
            errno.ENOSPC: "free disk space and run it again.",
            errno.EACCES: "give yourself the folder, or choose another with REFERA_HOME.",
            errno.ENOTDIR: "remove the file that is in the way, or choose another folder with REFERA_HOME.",
            errno.EEXIST: "remove the file that is in the way, or choose another folder with REFERA_HOME.",
            errno.EROFS: "choose another folder with REFERA_HOME.",
        }
        raise LocalStackError(
            f"The local stack cannot use {refused.filename or home} ({refused.strerror or refused}):",
            remedies.get(refused.errno or 0, "see what is wrong with that file."),
        ) from refused


def _is_owned(entry: Path) -> bool:
    # a write that was killed leaves its temporary name behind: .stack.json.4711
    name = entry.name
    return name in OWNED_NAMES or (name.startswith(".") and name[1:].rpartition(".")[0] in OWNED_NAMES)
