"""Socket reader of a connection to a server, which tells a long sort from a server that is gone, cut off or stopped.

A peer that is gone or cut off acknowledges nothing: TCP keepalive and TCP_USER_TIMEOUT end the connection. The kernel
of a stopped server acknowledges for it, and so does a proxy: when nothing has come for a while, a second session is
opened at the same address and asked for a row. A server that sorts answers it; one that is stopped does not.

    wire ──▶ watch(connection, again) ──▶ reads of the connection end soon after the server did
"""

import io
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

import pymysql

QUIET_SECONDS = 30.0
"""Seconds without a byte after which the server is asked whether it lives."""
PROBE_SECONDS = 10.0
"""Seconds for each step of the second session."""
PAUSE_SECONDS = 5.0
"""Seconds until it is asked again when it did not answer."""
MAX_FAILED_PROBES = 3
"""Questions without an answer, one after the other, after which the server counts as gone."""
KEEPALIVE_OPTIONS: tuple[tuple[str, int], ...] = (
    ("TCP_KEEPIDLE", 30),
    ("TCP_KEEPALIVE", 30),  # macOS's name of it
    ("TCP_KEEPINTVL", 10),
    ("TCP_KEEPCNT", 6),
    ("TCP_USER_TIMEOUT", 90_000),  # milliseconds; Linux alone has it
)
"""Options of TCP, of which each system has some: a peer that acknowledges nothing for 90 seconds is gone."""
CLIENT_ERROR_CODES = range(2000, 3000)
"""Codes of errors that the client makes up; all others are the server's words."""
ServerSession = pymysql.connections.Connection


def install_liveness_reader(
    connection: ServerSession, reconnect: Callable[[float], ServerSession], limit_seconds: float
) -> None:
    """Read an open connection by this module's reader from now on.

    Args:
        connection: One whose last answer was taken.
        reconnect: Makes another one to the same server, not yet connected, that takes so many seconds for each answer.
        limit_seconds: Seconds without a byte that are too many, whatever the server says.
    """
    internals: Any = connection
    enable_keepalive(internals._sock)
    peer = internals._sock.getpeername()[:2]
    internals._rfile.close()
    internals._rfile = io.BufferedReader(
        LivenessSocketReader(internals._sock, lambda: server_answers(peer, reconnect), limit_seconds)
    )


def enable_keepalive(line: socket.socket) -> None:
    """Let the system find out that the other end is gone."""
    line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEPALIVE_OPTIONS:
        if hasattr(socket, name):
            line.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def server_answers(peer: tuple[str, int], reconnect: Callable[[float], ServerSession]) -> bool:
    """Whether the server at an address says anything, be it a refusal."""
    session = reconnect(PROBE_SECONDS)
    try:
        # by its number: another server may answer to the name by now
        session.connect(socket.create_connection(peer, PROBE_SECONDS))
        with session.cursor() as cursor:
            cursor.execute("select 1")
    except pymysql.MySQLError as refusal:
        code = refusal.args[0] if refusal.args else 0
        is_certificate_error = isinstance(getattr(refusal, "original_exception", None), ssl.SSLCertVerificationError)
        return is_certificate_error or code not in CLIENT_ERROR_CODES
    except OSError:
        return False
    finally:
        internals: Any = session
        internals._force_close()
    return True


class LivenessSocketReader(io.RawIOBase):
    """The bytes of a socket, as long as somebody is at the other end."""

    def __init__(self, line: socket.socket, is_alive: Callable[[], bool], limit_seconds: float) -> None:
        super().__init__()
        self._line = line
        self._is_alive = is_alive
        self._limit_seconds = limit_seconds

    def readable(self) -> bool:
        """It is for reading alone."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Wait for bytes.

        Raises:
            TimeoutError: when none came, and the server does not answer elsewhere either.
            OSError: when the connection is lost.
        """
        started, failed_probes, previous_timeout = time.monotonic(), 0, self._line.gettimeout()
        try:
            self._line.settimeout(QUIET_SECONDS)
            while True:
                try:
                    return self._line.recv_into(buffer)
                except TimeoutError as error:
                    if error.errno:  # the system's: nobody acknowledges
                        raise
                if time.monotonic() - started >= self._limit_seconds:
                    raise _silence_error(started, "though the server answers others")
                failed_probes = 0 if self._is_alive() else failed_probes + 1
                if failed_probes >= MAX_FAILED_PROBES:
                    raise _silence_error(started, "and the server answers no new session either")
                self._line.settimeout(PAUSE_SECONDS if failed_probes else QUIET_SECONDS)
        finally:
            self._line.settimeout(previous_timeout)


def _silence_error(started: float, detail: str) -> TimeoutError:
    return TimeoutError(f"nothing came for {time.monotonic() - started:.0f} s, {detail}")
