"""Replacement of multiprocessing's locks on Lambda: it has no /dev/shm, and dbt creates such locks in its one process.

OSError: [Errno 38] Function not implemented, github.com/dbt-labs/dbt-core/issues/2992.
"""

import threading
from multiprocessing import get_context
from multiprocessing.context import BaseContext


def ensure_semaphores() -> None:
    """Replace multiprocessing's locks by thread locks where the system has no semaphores; else change nothing."""
    try:
        get_context("spawn").Lock()
    except OSError:
        # dbt starts threads and no processes, so thread locks are enough
        setattr(BaseContext, "Lock", lambda _: threading.Lock())  # noqa: B010
        setattr(BaseContext, "RLock", lambda _: threading.RLock())  # noqa: B010
