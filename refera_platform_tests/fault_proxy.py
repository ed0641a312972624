"""A proxy before the real S3 that breaks the requests a test names: it loses answers, flips bytes, or holds them."""

import http.client
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from refera_platform.settings.stage import Stage

HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "expect"}


@dataclass(frozen=True)
class Answer:
    """What the store said."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


@dataclass
class FaultProxy:
    """What the proxy does; by default nothing."""

    endpoint: str = ""
    requests: list[str] = field(default_factory=list)
    """Method and path of each request, as it came in."""
    before: Callable[[str], Answer | None] = lambda request: None
    """Called before a request goes on to the store; may wait, and may answer in its place."""
    after: Callable[[str, Answer], Answer] = lambda request, answer: answer
    """Gives what the client receives."""

    def breaks(self, pattern: str, fault: Callable[[Answer], Answer], *, times: int = 1_000_000) -> None:
        """Break the first answers to requests whose method and path match."""
        hits = _counted(pattern, times)
        self.after = lambda request, answer: fault(answer) if hits(request) else answer

    def refuses(self, pattern: str, answer: Answer, *, times: int = 1_000_000) -> None:
        """Answer the first requests whose method and path match in the store's place: they are not carried out."""
        hits = _counted(pattern, times)
        self.before = lambda request: answer if hits(request) else None


def _counted(pattern: str, times: int) -> Callable[[str], bool]:
    """Whether a request is one of the first that match."""
    left, lock = [times], threading.Lock()

    def hits(request: str) -> bool:
        with lock:
            hit = re.search(pattern, request) is not None and left[0] > 0
            left[0] -= hit
        return hit

    return hits


def refusal(status: int, word: str) -> Answer:
    """What S3 says when it does not carry a request out."""
    return Answer(status, [("Content-Type", "application/xml")], f"<Error><Code>{word}</Code></Error>".encode())


def lost(answer: Answer) -> Answer:
    """The request was carried out, and the client is told that it was not."""
    return refusal(500, "InternalError")


def flipped(answer: Answer) -> Answer:
    """One bit in the middle of the body is another one; headers and length stay."""
    middle = len(answer.body) // 2
    if not answer.body:
        return answer
    body = answer.body[:middle] + bytes([answer.body[middle] ^ 0x10]) + answer.body[middle + 1 :]
    return replace(answer, body=body)


@contextmanager
def before_the_store(stage: Stage) -> Iterator[tuple[Stage, FaultProxy]]:
    """The same stage with a proxy before its store."""
    proxy, target = FaultProxy(), urlsplit(stage.store.endpoint).netloc

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline(65537)
            if not self.raw_requestline or not self.parse_request():
                self.close_connection = True
                return
            request = f"{self.command} {self.path}"
            proxy.requests.append(request)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer = proxy.before(request) or proxy.after(request, self._forwarded(body))
            self.send_response_only(answer.status)
            for name, value in answer.headers:
                self.send_header(name, value)
            if self.command != "HEAD":
                self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)
            self.wfile.flush()

        def _forwarded(self, body: bytes) -> Answer:
            connection = http.client.HTTPConnection(target, timeout=60)
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in HOP_BY_HOP:
                    connection.putheader(name, value)
            if body or self.command in {"PUT", "POST"}:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body or None)
            found = connection.getresponse()
            kept = HOP_BY_HOP if self.command != "HEAD" else HOP_BY_HOP - {"content-length"}
            headers = [pair for pair in found.getheaders() if pair[0].lower() not in kept]
            answer = Answer(found.status, headers, found.read())
            connection.close()
            return answer

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that hangs up is no news."""

    server = Server(("127.0.0.1", 0), Handler)
    proxy.endpoint = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield replace(stage, store=replace(stage.store, endpoint=proxy.endpoint)), proxy
    finally:
        server.shutdown()
        server.server_close()
