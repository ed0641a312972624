"""Real receivers of alerts on this machine: an HTTP server that answers as told, and a mail server with TLS and logins."""

import datetime
import ipaddress
import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

USER, PASSWORD = "ops", "p@ss/w:rd"


class Hook:
    """A webhook: remembers what it took, and answers as it is told to."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.status = 200
        self.took = list[dict[str, Any]]()
        self.asked = 0

    @property
    def texts(self) -> list[str]:
        return [body["text"] for body in self.took]


@contextmanager
def listening_hook(path: str = "/services/T0/B0/hushhush") -> Iterator[Hook]:
    """A real HTTP server on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            hook.asked += 1
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            if hook.status == 200 and self.path == path:
                hook.took.append(body)
            self.send_response(hook.status)
            self.send_header("location", "http://127.0.0.1:1/elsewhere")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *words: object) -> None:
            """Nothing to say."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hook = Hook(f"http://127.0.0.1:{server.server_port}{path}")
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield hook
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class AnyPort(Controller):
    """A mail server on a port that the system chose."""

    def _trigger_server(self) -> None:
        assert self.server is not None
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


class Mailbox:
    """What a mail server took, and from whom it takes anything."""

    def __init__(self) -> None:
        self.port = 0
        self.messages = list[EmailMessage]()
        self.logins = list[str]()
        self.encrypted = list[bool]()
        self.refused = set[str]()
        self.busy = False

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        if address in self.refused:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        if self.busy:
            return "451 come back later"
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.messages.append(message)
        self.encrypted.append(session.ssl is not None)
        return "250 OK"

    def authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        well = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        self.logins += [data.login.decode()] if well else []
        return AuthResult(success=well, handled=False)


@contextmanager
def listening_mailbox(folder: Path | None = None, *, implicit: bool = False) -> Iterator[Mailbox]:
    """A real mail server: plain without a folder; else with TLS and logins, its certificate in ``folder/ca.pem``."""
    box = Mailbox()
    options: dict[str, Any] = {}
    if folder is not None:
        context = certified(folder)
        options = {"ssl_context": context} if implicit else {"tls_context": context, "require_starttls": True}
        options |= {"authenticator": box.authenticate}
        options |= {"auth_require_tls": not implicit, "auth_required": not implicit}
    controller = AnyPort(box, hostname="127.0.0.1", port=0, **options)
    controller.start()
    box.port = controller.port
    try:
        yield box
    finally:
        controller.stop()


def certified(folder: Path) -> ssl.SSLContext:
    """A server's side of TLS for localhost, with a certificate of its own making."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "ca.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    return context
