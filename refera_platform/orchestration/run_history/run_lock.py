"""Lock file of a run: held by the process that executes it, and released by the kernel when that process ends.

A process id proves nothing in another container, on another machine with the same home, or after a change of the host
name. A file lock does, also on macOS. Decides about no run: ``run_process`` fails the orphaned ones.
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
"""File descriptors of this process's locks, by run id; the kernel closes them when the process ends."""
_MUTEX = threading.Lock()


def acquire_run_lock(home: Path, run_id: str) -> None:
    """Hold the lock of a run until it is released or this process ends; does nothing when it is held already.

    Raises:
        SettingError: when nothing can be written below the home.
        DiskFullError: when the disk is full.
    """
    with _MUTEX:
        if run_id in _HELD_LOCKS:
            return
        path = _lock_path(home, run_id)
        temporary_path = path.with_suffix(f".{os.getpid()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(temporary_path, os.O_WRONLY | os.O_CREAT, 0o600)
            # locked before it gets its final name: an unlocked file under that name means that its process is gone
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
    """Release the lock of a run that has ended."""
    with _MUTEX:
        descriptor = _HELD_LOCKS.pop(run_id, None)
        if descriptor is not None:
            _lock_path(home, run_id).unlink(missing_ok=True)
            os.close(descriptor)


def has_run_lock(home: Path, run_id: str) -> bool:
    """Whether the lock file of a run exists, held or not."""
    return _lock_path(home, run_id).exists()


def is_run_locked(home: Path, run_id: str) -> bool:
    """Whether a living process holds the lock of a run."""
    with _try_lock(_lock_path(home, run_id)) as is_free:
        return not is_free and has_run_lock(home, run_id)


def orphaned_run_ids(home: Path) -> Iterator[str]:
    """Ids of runs whose process ended and left its lock file; each is locked by us until the next is requested."""
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
    """Try to take a lock for the length of the block; yields whether it was free. A missing file is not free."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        yield False
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # the owner may have removed the file between open and lock
            is_free = path.stat().st_ino == os.fstat(file.fileno()).st_ino
        except (BlockingIOError, FileNotFoundError):
            is_free = False
        yield is_free
