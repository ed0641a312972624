"""Short paths for Unix sockets, which the kernel limits to about a hundred bytes."""

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from refera_platform.errors import LocalStackError

MAX_SOCKET_PATH_BYTES = 103
"""Bytes; macOS allows 103, Linux 107."""


def short_socket_path(socket_path: Path) -> Path:
    """``socket_path``, or a short path below the folder of temporary files when it is too long.

    Raises:
        LocalStackError: if the short folder belongs to another user.
    """
    if len(os.fsencode(socket_path)) <= MAX_SOCKET_PATH_BYTES:
        return socket_path
    folder = _short_folder(socket_path)
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
        raise LocalStackError(f"{folder} belongs to another user:", "remove it, or move the stack's home.")
    return folder / socket_path.name


def remove_short_socket(socket_path: Path) -> None:
    """Remove the short folder of ``socket_path``."""
    shutil.rmtree(_short_folder(socket_path), ignore_errors=True)


def _short_folder(socket_path: Path) -> Path:
    name = f"refera-{os.geteuid()}-{hashlib.sha256(os.fsencode(socket_path)).hexdigest()[:12]}"
    is_short_enough = (
        len(os.fsencode(tempfile.gettempdir())) + len(name) + len(os.fsencode(socket_path.name)) + 2
        <= MAX_SOCKET_PATH_BYTES
    )
    return Path(tempfile.gettempdir() if is_short_enough else "/tmp", name)  # noqa: S108 - a folder of our own below it
