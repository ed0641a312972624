"""File lock for one process at a time; the kernel releases it when its holder dies."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from refera_platform.errors import LocalStackError


@contextmanager
def exclusive_lock(path: Path, *, timeout_seconds: float, busy_message: str) -> Iterator[None]:
    """Hold a lock on ``path`` inside the block.

    Args:
        path: A file that exists for this purpose only.
        timeout_seconds: Seconds to wait for the present holder.
        busy_message: Message of the error when it takes longer.

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
    """Whether the file still exists: a wipe may have removed it during the wait."""
    with suppress(FileNotFoundError):
        return os.path.samestat(path.stat(), os.fstat(handle))
    return False
