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
MOST_PROBES = 3
"""Questions without an answer, one after the other, after which the server counts as gone."""
KEEPALIVE: tuple[tuple[str, int], ...] = (
    ("TCP_KEEPIDLE", 30),
    ("TCP_KEEPALIVE", 30),  # macOS's name of it
    ("TCP_KEEPINTVL", 10),
    ("TCP_KEEPCNT", 6),
    ("TCP_USER_TIMEOUT", 90_000),  # milliseconds; Linux alone has it
)
"""Options of TCP, of which each system has some: a peer that acknowledges nothing for 90 seconds is gone."""
CLIENTS_OWN = range(2000, 3000)
"""Codes of errors that the client makes up; all others are the server's words."""
Session = pymysql.connections.Connection


def watch(connection: Session, again: Callable[[float], Session], limit: float) -> None:
    """Read an open connection by this module's reader from now on.

    Args:
        connection: One whose last answer was taken.
        again: Makes another one to the same server, not yet connected, that takes so many seconds for each answer.
        limit: Seconds without a byte that are too many, whatever the server says.
    """
    inside: Any = connection
    keep_alive(inside._sock)
    peer = inside._sock.getpeername()[:2]
    inside._rfile.close()
    inside._rfile = io.BufferedReader(Attentive(inside._sock, lambda: answers(peer, again), limit))


def keep_alive(line: socket.socket) -> None:
    """Let the system find out that the other end is gone."""
    line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEPALIVE:
        if hasattr(socket, name):
            line.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def answers(peer: tuple[str, int], again: Callable[[float], Session]) -> bool:
    """Whether the server at an address says anything, be it a refusal."""
    session = again(PROBE_SECONDS)
    try:
        # by its number: another server may answer to the name by now
        session.connect(socket.create_connection(peer, PROBE_SECONDS))
        with session.cursor() as cursor:
            cursor.execute("select 1")
    except pymysql.MySQLError as refusal:
        code = refusal.args[0] if refusal.args else 0
        is_shown = isinstance(getattr(refusal, "original_exception", None), ssl.SSLCertVerificationError)
        return is_shown or code not in CLIENTS_OWN
    except OSError:
        return False
    finally:
        inside: Any = session
        inside._force_close()
    return True


class Attentive(io.RawIOBase):
    """The bytes of a socket, as long as somebody is at the other end."""

    def __init__(self, line: socket.socket, is_alive: Callable[[], bool], limit: float) -> None:
        super().__init__()
        self._line = line
        self._is_alive = is_alive
        self._limit = limit

    def readable(self) -> bool:
        """It is for reading alone."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Wait for bytes.

        Raises:
            TimeoutError: when none came, and the server does not answer elsewhere either.
            OSError: when the connection is lost.
        """
        began, unanswered, patience = time.monotonic(), 0, self._line.gettimeout()
        try:
            self._line.settimeout(QUIET_SECONDS)
            while True:
                try:
                    return self._line.recv_into(buffer)
                except TimeoutError as trouble:
                    if trouble.errno:  # the system's: nobody acknowledges
                        raise
                if time.monotonic() - began >= self._limit:
                    raise _silent(began, "though the server answers others")
                unanswered = 0 if self._is_alive() else unanswered + 1
                if unanswered >= MOST_PROBES:
                    raise _silent(began, "and the server answers no new session either")
                self._line.settimeout(PAUSE_SECONDS if unanswered else QUIET_SECONDS)
        finally:
            self._line.settimeout(patience)


def _silent(began: float, besides: str) -> TimeoutError:
    return TimeoutError(f"nothing came for {time.monotonic() - began:.0f} s, {besides}")
