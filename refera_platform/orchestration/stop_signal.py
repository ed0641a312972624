"""Stop signals of this process: Ctrl-C and SIGTERM, recorded even when a library turns them into an error of its own.

DuckDB raises "Query interrupted", dbt reports a failed model, Dagster a failed step, and each of them goes on.
"""

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STOP_SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM})


class Stopped(BaseException):
    """A signal stops this process. Not a ``KeyboardInterrupt``, for which typer would choose the exit code."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class StopSignal:
    """The first stop signal that this process received, if any; made by :func:`catch_stop_signals`."""

    def __init__(self, reader: socket.socket | None = None) -> None:
        self._reader, self._number = reader, 0

    @property
    def number(self) -> int:
        """Number of the signal, or 0 before one arrives."""
        if self._reader is not None and not self._number:
            try:
                self._number = next((each for each in self._reader.recv(1024) if each in STOP_SIGNALS), 0)
            except BlockingIOError:
                return 0
        return self._number


NEVER_STOPPED = StopSignal()
"""For a run whose stop is somebody else's to record: Dagster's own workers."""


@contextmanager
def catch_stop_signals() -> Iterator[StopSignal]:
    """Record stop signals for the length of the block. Main thread only.

    Raises:
        Stopped: when a signal ended the block.
    """
    reader, writer = socket.socketpair()
    with reader, writer:
        reader.settimeout(0)
        writer.settimeout(0)
        stop_signal = StopSignal(reader)
        previous_wakeup_fd = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        previous_handler = signal.signal(signal.SIGTERM, _raise_stopped)
        try:
            yield stop_signal
        except (KeyboardInterrupt, Stopped):
            raise Stopped(stop_signal.number or signal.SIGINT) from None
        finally:
            signal.set_wakeup_fd(previous_wakeup_fd)
            signal.signal(signal.SIGTERM, previous_handler)


def _raise_stopped(number: int, frame: FrameType | None) -> None:
    raise Stopped(number)
