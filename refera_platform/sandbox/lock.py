"""One process at a time: a lock that the kernel forgets when its holder dies."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from refera_platform.errors import LocalStackError


@contextmanager
def exclusive_lock(path: Path, *, timeout_seconds: float, busy_message: str) -> Iterator[None]:
    """Hold ``path`` for ourselves.

    Args:
        path: A file that exists for this purpose only.
        timeout_seconds: Seconds to wait for whoever holds it.
        busy_message: What to say when it takes longer.

    Raises:
        LocalStackError: if it takes longer.
    """
    deadline = time.monotonic() + timeout_seconds
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if _try_lock(handle) and _is_same_file(path, handle):
                yield
                return
        finally:
            os.close(handle)
        if time.monotonic() > deadline:
            raise LocalStackError(busy_message, "wait for it to end, or end it.")
        time.sleep(0.05)


def _try_lock(handle: int) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _is_same_file(path: Path, handle: int) -> bool:
    """Whether the file was not removed, by a wipe, while we waited for it."""
    with suppress(FileNotFoundError):
        return os.path.samestat(path.stat(), os.fstat(handle))
    return False
