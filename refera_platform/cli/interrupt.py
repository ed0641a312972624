"""Stop signals of a command: Ctrl-C and SIGTERM, recorded even when a library turns them into an error of its own.

DuckDB raises "Query interrupted", dbt reports a failed model, Dagster a failed step, and each of them goes on.
"""

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

STOP_SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM})


class Stopped(BaseException):
    """A signal stops this process. Not a ``KeyboardInterrupt``, for which typer would choose the exit code."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def catch_stop_signals() -> Iterator[Callable[[], int]]:
    """Record stop signals; yields a function that returns the number of the signal, or 0. Main thread only.

    Raises:
        Stopped: when a signal ended the block.
    """
    stop_signal = 0
    reader, writer = socket.socketpair()
    with reader, writer:
        reader.settimeout(0)
        writer.settimeout(0)
        previous_wakeup_fd = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        previous_handler = signal.signal(signal.SIGTERM, _raise_stopped)

        def is_stopped() -> int:
            nonlocal stop_signal
            try:
                stop_signal = stop_signal or next((each for each in reader.recv(1024) if each in STOP_SIGNALS), 0)
            except BlockingIOError:
                return stop_signal
            return stop_signal

        try:
            yield is_stopped
        except (KeyboardInterrupt, Stopped):
            raise Stopped(is_stopped() or signal.SIGINT) from None
        finally:
            signal.set_wakeup_fd(previous_wakeup_fd)
            signal.signal(signal.SIGTERM, previous_handler)


def _raise_stopped(number: int, frame: FrameType | None) -> None:
    raise Stopped(number)
