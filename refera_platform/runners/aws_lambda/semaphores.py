"""Locks for a system without semaphores: Lambda has no /dev/shm, and dbt asks multiprocessing for locks in one process.

OSError: [Errno 38] Function not implemented, github.com/dbt-labs/dbt-core/issues/2992.
"""

import threading
from multiprocessing import get_context
from multiprocessing.context import BaseContext


def ensure_semaphores() -> None:
    """Let multiprocessing's locks be those of threads where there can be no others; elsewhere nothing changes."""
    try:
        get_context("spawn").Lock()
    except OSError:
        # dbt starts threads and no process, so a lock of threads is all that it needs
        setattr(BaseContext, "Lock", lambda _: threading.Lock())  # noqa: B010
        setattr(BaseContext, "RLock", lambda _: threading.RLock())  # noqa: B010
