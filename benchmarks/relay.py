"""TCP relay in front of a server that counts the bytes in each direction."""

import socket
import threading
from types import TracebackType
from urllib.parse import urlsplit

PIECE = 1 << 18


class Relay:
    """Relay that listens on a port of its own inside the block."""

    def __init__(self, endpoint: str) -> None:
        found = urlsplit(endpoint)
        self._server = (found.hostname or "127.0.0.1", found.port or 80)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.asked = 0
        """Bytes that went to the server."""
        self.answered = 0
        """Bytes that the server sent."""
        self._count = threading.Lock()

    def __enter__(self) -> "Relay":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return  # the block has ended
            far = socket.create_connection(self._server)
            threading.Thread(target=self._carry, args=(near, far, "asked"), daemon=True).start()
            threading.Thread(target=self._carry, args=(far, near, "answered"), daemon=True).start()

    def _carry(self, origin: socket.socket, target: socket.socket, counter: str) -> None:
        try:
            while piece := origin.recv(PIECE):
                target.sendall(piece)
                with self._count:
                    setattr(self, counter, getattr(self, counter) + len(piece))
            target.shutdown(socket.SHUT_WR)
        except OSError:
            return  # one side hung up
