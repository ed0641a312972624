"""The two ways out: a request to a webhook, an e-mail through a server. Neither ever shows its address or password."""

import smtplib
import socket
import ssl
from contextlib import suppress
from http import HTTPStatus
from typing import Protocol
from urllib.parse import urlsplit

import requests

from refera_platform.alerts.message import Message, Origin, mail, slack
from refera_platform.errors import AlertError
from refera_platform.settings.alerts import AlertSettings, MailRoute

CONNECT_SECONDS, ANSWER_SECONDS = 5, 10
"""A look of the sensor has a minute in all."""


class Channel(Protocol):
    """One way by which people are told."""

    @property
    def name(self) -> str:
        """What it is called where it is remembered what it has told."""

    @property
    def where(self) -> str:
        """Its host."""

    def send(self, message: Message) -> str:
        """Deliver a message; what the sender should know all the same, or nothing.

        Raises:
            AlertError: when it was not delivered.
        """


class Webhook:
    """Slack's incoming webhooks, and what understands the same JSON."""

    name = "webhook"

    def __init__(self, url: str, origin: Origin) -> None:
        self._url, self._origin = url, origin
        self.where = urlsplit(url).hostname or ""

    def send(self, message: Message) -> str:
        """One POST; a redirection is not followed, since it could lead anywhere."""
        try:
            with requests.post(
                self._url,
                json=slack(message, self._origin),
                timeout=(CONNECT_SECONDS, ANSWER_SECONDS),
                allow_redirects=False,
                stream=True,
            ) as answer:
                status = answer.status_code
        except requests.exceptions.SSLError:
            raise AlertError(
                f"The webhook at {self.where} has a certificate that is not trusted:",
                "name its authority in REQUESTS_CA_BUNDLE, or mend REFERA_ALERT_WEBHOOK.",
            ) from None
        except (requests.exceptions.ConnectionError, requests.exceptions.Timeout):
            raise AlertError(
                f"The webhook at {self.where} does not answer:",
                "see whether this machine can reach it.",
                passing=True,
            ) from None
        except requests.exceptions.RequestException as trouble:
            raise AlertError(
                f"The webhook at {self.where} cannot be asked ({type(trouble).__name__}):",
                "mend REFERA_ALERT_WEBHOOK.",
            ) from None
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            passing = status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR
            remedy = "it is tried again." if passing else "make a new one and set REFERA_ALERT_WEBHOOK."
            raise AlertError(f"The webhook at {self.where} answered {status}:", remedy, passing=passing)
        return ""


class Mail:
    """E-mail through a server that takes it for us."""

    name = "mail"

    def __init__(self, route: MailRoute, origin: Origin) -> None:
        self._route, self._origin = route, origin
        self.where = route.host

    def send(self, message: Message) -> str:
        """One session; some addresses may be refused while others are served."""
        made = mail(message, self._origin, self._route.sender, self._route.recipients)
        server = None
        try:
            server = self._connected()
            refused = server.send_message(made, self._route.sender, list(self._route.recipients))
        except (OSError, smtplib.SMTPException) as trouble:
            raise self._told(trouble) from None
        finally:
            if server is not None:
                with suppress(OSError, smtplib.SMTPException):  # it has the message, or we have an error
                    server.quit()
                server.close()
        return f"the server refused {len(refused)} of the addresses in REFERA_ALERT_MAIL_TO" if refused else ""

    def _connected(self) -> smtplib.SMTP:
        """A session with the server, encrypted and logged in as told."""
        route, name = self._route, socket.gethostname()
        if route.tls == "implicit":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                route.host, route.port, name, timeout=ANSWER_SECONDS, context=self._trust()
            )
        else:
            server = smtplib.SMTP(route.host, route.port, name, timeout=ANSWER_SECONDS)
        try:
            if route.tls == "starttls":
                server.starttls(context=self._trust())
            if route.user:
                server.login(route.user, route.password)
        except (OSError, smtplib.SMTPException):
            server.close()
            raise
        return server

    def _trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self._route.ca or None)

    def _told(self, trouble: Exception) -> AlertError:
        """The error in our words: those of a server or a library might hold anything."""
        server = f"The mail server {self.where}"
        match trouble:
            case smtplib.SMTPAuthenticationError():
                return AlertError(f"{server} refused the login:", "mend user and password in REFERA_ALERT_SMTP.")
            case smtplib.SMTPNotSupportedError():
                return AlertError(
                    f"{server} cannot do what it was asked (STARTTLS, or a login):", "mend REFERA_ALERT_SMTP."
                )
            case smtplib.SMTPRecipientsRefused():
                passing = all(400 <= code < 500 for code, _ in trouble.recipients.values())
                return AlertError(f"{server} refused every address:", "mend REFERA_ALERT_MAIL_TO.", passing=passing)
            case smtplib.SMTPResponseException():
                passing = 400 <= trouble.smtp_code < 500
                return AlertError(
                    f"{server} answered {trouble.smtp_code}:",
                    "ask who runs it, or mend REFERA_ALERT_SMTP.",
                    passing=passing,
                )
            case ssl.SSLError():
                return AlertError(
                    f"{server} has no certificate that is trusted:",
                    "name its authority with ?ca= in REFERA_ALERT_SMTP, or mend the address.",
                )
            case FileNotFoundError():
                return AlertError("The file of ?ca= in REFERA_ALERT_SMTP is not there:", "name one that is.")
            case _:
                return AlertError(f"{server} does not answer:", "see whether this machine can reach it.", passing=True)


def channels(settings: AlertSettings, stage: str) -> list[Channel]:
    """The channels that are configured."""
    origin = Origin(stage=stage, ui_url=settings.ui_url)
    found: list[Channel] = []
    if settings.webhook:
        found.append(Webhook(settings.webhook, origin))
    if settings.mail:
        found.append(Mail(settings.mail, origin))
    return found
