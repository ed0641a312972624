"""Free ports of this machine, below the range of ephemeral ports.

The kernel gives ports from 32768 upwards to outgoing connections, so a server could not rely on one of those.
"""

import secrets
import socket
import time
from collections.abc import Collection

from refera_platform.errors import LocalStackError

FIRST_PORT, END_PORT = 10_240, 32_768
RELEASE_TIMEOUT_SECONDS = 0.5
"""Seconds that a port may stay taken after its server was killed."""
MAX_ATTEMPTS = 500


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen on the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def first_taken(candidates: Collection[int]) -> int | None:
    """The first of the ports that another process holds, and still holds after a short wait."""
    deadline = time.monotonic() + RELEASE_TIMEOUT_SECONDS
    while (taken := next((port for port in candidates if not is_free(port)), None)) is not None:
        if time.monotonic() > deadline:
            return taken
        time.sleep(0.02)
    return None


def pick_free_port(offsets: Collection[int] = (0,), avoid: Collection[int] = ()) -> int:
    """A port from which all ``offsets`` are free, chosen at random so that two stacks rarely collide.

    Raises:
        LocalStackError: if the machine has none.
    """
    for _ in range(MAX_ATTEMPTS):
        first = FIRST_PORT + secrets.randbelow(END_PORT - FIRST_PORT - max(offsets))
        candidates = [first + offset for offset in offsets]
        if not set(candidates) & set(avoid) and all(is_free(port) for port in candidates):
            return first
    raise LocalStackError(
        f"No block of free ports was found between {FIRST_PORT} and {END_PORT}:", "stop servers that are not needed."
    )
