"""Whether somebody pressed Ctrl-C, also when a library took it for an error of its own.

DuckDB makes "Query interrupted" of it, dbt a failed model, Dagster a failed step: each of them goes on to its end.
"""

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def noticed() -> Iterator[Callable[[], bool]]:
    """Give a question that says whether Ctrl-C was pressed since the block began; for the main thread."""
    seen = False
    reader, writer = socket.socketpair()
    with reader, writer:
        reader.settimeout(0)
        writer.settimeout(0)
        before = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)

        def is_stopped() -> bool:
            nonlocal seen
            try:
                seen = seen or signal.SIGINT in reader.recv(1024)
            except BlockingIOError:
                return seen
            return seen

        try:
            yield is_stopped
        finally:
            signal.set_wakeup_fd(before)
