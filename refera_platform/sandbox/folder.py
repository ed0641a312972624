"""The stack's home folder: claims it, recognises it, checks disk space, and deletes only what the stack made.

A person may set the home to any folder by mistake, so other files in it are never deleted.
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
"""Names that the stack and the platform create below home."""
FIRST_START_FREE_BYTES, START_FREE_BYTES = 300 << 20, 50 << 20
"""Least free bytes for starting the two servers: the first time, and any other time."""


def claim_home(home: Path) -> None:
    """Create the folder, for its owner alone.

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
    """Refuse a folder in which no stack was started.

    Raises:
        LocalStackError: if it has no ``stack.json`` and holds foreign files.
    """
    foreign = sorted(entry.name for entry in home.iterdir() if not _is_owned(entry))
    if foreign and not (home / stack_file.STACK_FILE).exists():
        raise LocalStackError(
            f"{home} holds {foreign[0]!r} and no {stack_file.STACK_FILE}, so it does not look like the local"
            " stack's folder:",
            "nothing was deleted; check REFERA_HOME.",
        )


def wipe_home(home: Path) -> None:
    """Delete the stack's own files, and the folder itself when nothing else is in it."""
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
    """Translate errors of the operating system inside the block.

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
    # a killed write leaves its temporary file: .stack.json.4711
    name = entry.name
    return name in OWNED_NAMES or (name.startswith(".") and name[1:].rpartition(".")[0] in OWNED_NAMES)
