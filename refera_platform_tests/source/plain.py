"""A server that offers no TLS: the real one, whose greeting loses the offer on the way (MariaDB 11.8 always has it)."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

from refera_platform.settings.source_database import SourceDatabase

HEADER = 4
UNTIL_CAPABILITIES = 4 + 8 + 1
"""Bytes between the version and what the server can do: the connection's number, half of the salt, a zero."""
TLS = 0x0800


@contextmanager
def without_tls(database: SourceDatabase) -> Iterator[int]:
    """The port at which the server greets without TLS; nothing that follows the greeting is carried on."""
    with closing(socket.create_server(("127.0.0.1", 0))) as door:
        threading.Thread(target=_greet, args=(door, database), daemon=True).start()
        yield door.getsockname()[1]


def _greet(door: socket.socket, database: SourceDatabase) -> None:
    while True:
        try:
            client, _ = door.accept()
        except OSError:  # the door was closed
            return
        # a client may hang up before it was greeted, as one does that only looks whether the port takes connections
        with closing(client), suppress(ConnectionError):
            with closing(socket.create_connection((database.host, database.port))) as server:
                client.sendall(_greeting(server))
            client.recv(1)


def _greeting(server: socket.socket) -> bytes:
    said = bytearray(server.recv(4096))
    at = said.index(0, HEADER + 1) + 1 + UNTIL_CAPABILITIES
    flags = int.from_bytes(said[at : at + 2], "little") & ~TLS
    said[at : at + 2] = flags.to_bytes(2, "little")
    return bytes(said)
