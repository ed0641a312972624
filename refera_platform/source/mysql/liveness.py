"""Socket reader that detects a dead server: distinguishes a long query from a server that is gone, cut off or stopped.

A host that is gone or cut off acknowledges nothing: TCP keepalive and TCP_USER_TIMEOUT end the connection. The kernel
of a stopped server still acknowledges, and so does a proxy. So when no byte comes for a while, a second session to
the same address runs a query: a busy server answers it, a stopped one does not.

    wire ──▶ install_liveness_reader(connection, reconnect) ──▶ reads that fail soon after the server did
"""

import io
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

import pymysql

QUIET_SECONDS = 30.0
"""Seconds without a byte after which the server is probed."""
PROBE_SECONDS = 10.0
"""Seconds for each step of a probe."""
PAUSE_SECONDS = 5.0
"""Seconds until the next probe after a failed one."""
MAX_FAILED_PROBES = 3
"""Failed probes in a row after which the server counts as gone."""
KEEPALIVE_OPTIONS: tuple[tuple[str, int], ...] = (
    ("TCP_KEEPIDLE", 30),
    ("TCP_KEEPALIVE", 30),  # macOS's name of TCP_KEEPIDLE
    ("TCP_KEEPINTVL", 10),
    ("TCP_KEEPCNT", 6),
    ("TCP_USER_TIMEOUT", 90_000),  # milliseconds; Linux only
)
"""TCP options, of which each system has some: a peer that acknowledges nothing for 90 seconds is gone."""
CLIENT_ERROR_CODES = range(2000, 3000)
"""Error codes of the client itself (no server, failed handshake, lost connection); all others are the server's."""
ServerSession = pymysql.connections.Connection


def install_liveness_reader(
    connection: ServerSession, reconnect: Callable[[float], ServerSession], limit_seconds: float
) -> None:
    """Replace the reader of an open connection by one that detects a dead server.

    Args:
        connection: A connection without an unread answer.
        reconnect: Makes a new, unopened connection to the same server; takes the seconds to wait for each answer.
        limit_seconds: Seconds without a byte after which the read fails, even if the server answers probes.
    """
    internals: Any = connection
    enable_keepalive(internals._sock)
    peer = internals._sock.getpeername()[:2]
    internals._rfile.close()
    internals._rfile = io.BufferedReader(
        LivenessSocketReader(internals._sock, lambda: server_answers(peer, reconnect), limit_seconds)
    )


def enable_keepalive(line: socket.socket) -> None:
    """Let the operating system detect a peer that is gone."""
    line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEPALIVE_OPTIONS:
        if hasattr(socket, name):
            line.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def server_answers(peer: tuple[str, int], reconnect: Callable[[float], ServerSession]) -> bool:
    """Whether the server at an address answers at all; a refusal counts as an answer."""
    session = reconnect(PROBE_SECONDS)
    try:
        # by IP address: the host name may point to another server by now
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
    """Reads a socket and probes the server while no bytes come."""

    def __init__(self, line: socket.socket, is_alive: Callable[[], bool], limit_seconds: float) -> None:
        super().__init__()
        self._line = line
        self._is_alive = is_alive
        self._limit_seconds = limit_seconds

    def readable(self) -> bool:
        """Always true: the file is read-only."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Wait for bytes.

        Raises:
            TimeoutError: when no byte arrived in time, or the server answers no probe.
            OSError: when the connection is lost.
        """
        started, failed_probes, previous_timeout = time.monotonic(), 0, self._line.gettimeout()
        try:
            self._line.settimeout(QUIET_SECONDS)
            while True:
                try:
                    return self._line.recv_into(buffer)
                except TimeoutError as error:
                    if error.errno:  # a TCP timeout of the system: the peer acknowledges nothing
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
    return TimeoutError(f"no data arrived for {time.monotonic() - started:.0f} s, {detail}")
