"""Names of Unix sockets, which the kernel limits to about a hundred bytes."""

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from refera_platform.errors import LocalStackError

LONGEST = 103
"""Bytes; macOS allows 103, Linux 107."""


def path(wanted: Path) -> Path:
    """``wanted``, or a short name below the folder of temporary files when it is too long.

    Raises:
        LocalStackError: if somebody else made that short name before us.
    """
    if len(os.fsencode(wanted)) <= LONGEST:
        return wanted
    folder = _short_folder(wanted)
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
        raise LocalStackError(f"{folder} belongs to another user:", "remove it, or move the stack's home.")
    return folder / wanted.name


def remove(wanted: Path) -> None:
    """Forget the short name of ``wanted``."""
    shutil.rmtree(_short_folder(wanted), ignore_errors=True)


def _short_folder(wanted: Path) -> Path:
    name = f"refera-{os.geteuid()}-{hashlib.sha256(os.fsencode(wanted)).hexdigest()[:12]}"
    roomy = len(os.fsencode(tempfile.gettempdir())) + len(name) + len(os.fsencode(wanted.name)) + 2 <= LONGEST
    return Path(tempfile.gettempdir() if roomy else "/tmp", name)  # noqa: S108 - a folder of our own below it
