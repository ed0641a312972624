"""Lock file of a run: held by the process that executes it, and freed by the kernel when that process is gone.

A process id proves nothing in another container, on another machine with the same home, or after the host name has
changed. A lock does, also on macOS. Which run is failed for it is decided by ``process``.
"""

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from refera_platform.disk import disk_full_error, is_disk_full
from refera_platform.errors import SettingError

LOCK_FOLDER = "running"
_HELD_LOCKS: dict[str, int] = {}
"""Descriptors of this process's locks, by run; they are closed by its end."""
_MUTEX = threading.Lock()


def acquire_run_lock(home: Path, run_id: str) -> None:
    """Hold the lock of a run until it is released or this process ends; holding it already is no error.

    Raises:
        SettingError: when nothing can be written below the home.
    """
    with _MUTEX:
        if run_id in _HELD_LOCKS:
            return
        path = _lock_path(home, run_id)
        temporary_path = path.with_suffix(f".{os.getpid()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(temporary_path, os.O_WRONLY | os.O_CREAT, 0o600)
            # locked before it has its name: whoever finds a file that is not locked may say that its process is gone
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            temporary_path.replace(path)
        except OSError as refused:
            if is_disk_full(refused):
                raise disk_full_error(refused) from None
            raise SettingError(
                f"Nothing can be written in {path.parent} ({refused.strerror}):", "check REFERA_HOME."
            ) from None
        _HELD_LOCKS[run_id] = descriptor


def release_run_lock(home: Path, run_id: str) -> None:
    """Free the lock of a run that has ended."""
    with _MUTEX:
        descriptor = _HELD_LOCKS.pop(run_id, None)
        if descriptor is not None:
            _lock_path(home, run_id).unlink(missing_ok=True)
            os.close(descriptor)


def has_run_lock(home: Path, run_id: str) -> bool:
    """Whether the lock file of a run exists, held or not."""
    return _lock_path(home, run_id).exists()


def is_run_locked(home: Path, run_id: str) -> bool:
    """Whether a process that is alive holds the lock of a run."""
    with _try_lock(_lock_path(home, run_id)) as is_free:
        return not is_free and has_run_lock(home, run_id)


def orphaned_run_ids(home: Path) -> Iterator[str]:
    """Runs whose process ended and left its lock behind; each is ours alone until the next one is asked for."""
    for path in sorted((home / LOCK_FOLDER).glob("*.lock")):
        with _try_lock(path) as is_free:
            if is_free:
                yield path.stem


def remove_run_lock(home: Path, run_id: str) -> None:
    """Remove the lock file of a run whose process is gone."""
    _lock_path(home, run_id).unlink(missing_ok=True)


def _lock_path(home: Path, run_id: str) -> Path:
    return home / LOCK_FOLDER / f"{run_id}.lock"


@contextmanager
def _try_lock(path: Path) -> Iterator[bool]:
    """Whether the lock could be taken, for as long as the block lasts; not when nobody left it there."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        yield False
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # its owner may have removed it between the two
            is_free = path.stat().st_ino == os.fstat(file.fileno()).st_ino
        except (BlockingIOError, FileNotFoundError):
            is_free = False
        yield is_free
