"""Whether somebody pressed Ctrl-C or told this process to end, also when a library took it for an error of its own.

DuckDB makes "Query interrupted" of it, dbt a failed model, Dagster a failed step: each of them goes on to its end.
"""

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

STOP_SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM})


class Stopped(BaseException):
    """A signal stops this process; typer would make an exit of its own of a ``KeyboardInterrupt``."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def catch_stop_signals() -> Iterator[Callable[[], int]]:
    """Give a question for the signal that stops this process, 0 without any; for the main thread.

    Raises:
        Stopped: when the block ended with the signal, and not as the library that caught it would have it.
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
