"""The two ways out: a request to a webhook, an e-mail through a server. Neither ever shows its address or password."""

import smtplib
import socket
import ssl
from contextlib import suppress
from http import HTTPStatus
from typing import Protocol
from urllib.parse import urlsplit

import requests

from refera_platform.alerts.message import Message, Origin, email_message, slack_payload
from refera_platform.errors import AlertError
from refera_platform.settings.alerts import AlertSettings, MailRoute

CONNECT_TIMEOUT_SECONDS, ANSWER_TIMEOUT_SECONDS = 5, 10
"""A look of the sensor has a minute in all."""


class Channel(Protocol):
    """One way by which people are told."""

    @property
    def name(self) -> str:
        """What it is called where it is remembered what it has told."""

    @property
    def host(self) -> str:
        """Its host."""

    def send(self, message: Message) -> str:
        """Deliver a message; what the sender should know all the same, or nothing.

        Raises:
            AlertError: when it was not delivered.
        """


class WebhookChannel:
    """Slack's incoming webhooks, and what understands the same JSON."""

    name = "webhook"

    def __init__(self, url: str, origin: Origin) -> None:
        self._url, self._origin = url, origin
        self.host = urlsplit(url).hostname or ""

    def send(self, message: Message) -> str:
        """One POST; a redirection is not followed, since it could lead anywhere."""
        try:
            with requests.post(
                self._url,
                json=slack_payload(message, self._origin),
                timeout=(CONNECT_TIMEOUT_SECONDS, ANSWER_TIMEOUT_SECONDS),
                allow_redirects=False,
                stream=True,
            ) as answer:
                status = answer.status_code
        except requests.exceptions.SSLError:
            raise AlertError(
                f"The webhook at {self.host} has a certificate that is not trusted:",
                "name its authority in REQUESTS_CA_BUNDLE, or mend REFERA_ALERT_WEBHOOK.",
            ) from None
        except (requests.exceptions.ConnectionError, requests.exceptions.Timeout):
            raise AlertError(
                f"The webhook at {self.host} does not answer:",
                "see whether this machine can reach it.",
                is_transient=True,
            ) from None
        except requests.exceptions.RequestException as error:
            raise AlertError(
                f"The webhook at {self.host} cannot be asked ({type(error).__name__}):",
                "mend REFERA_ALERT_WEBHOOK.",
            ) from None
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            passing = status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR
            remedy = "it is tried again." if passing else "make a new one and set REFERA_ALERT_WEBHOOK."
            raise AlertError(f"The webhook at {self.host} answered {status}:", remedy, is_transient=passing)
        return ""


class MailChannel:
    """E-mail through a server that takes it for us."""

    name = "mail"

    def __init__(self, route: MailRoute, origin: Origin) -> None:
        self._route, self._origin = route, origin
        self.host = route.host

    def send(self, message: Message) -> str:
        """One session; some addresses may be refused while others are served."""
        email = email_message(message, self._origin, self._route.sender, self._route.recipients)
        server = None
        try:
            server = self._open_session()
            refused_recipients = server.send_message(email, self._route.sender, list(self._route.recipients))
        except (OSError, smtplib.SMTPException) as error:
            raise self._to_alert_error(error) from None
        finally:
            if server is not None:
                with suppress(OSError, smtplib.SMTPException):  # it has the message, or we have an error
                    server.quit()
                server.close()
        return (
            f"the server refused {len(refused_recipients)} of the addresses in REFERA_ALERT_MAIL_TO"
            if refused_recipients
            else ""
        )

    def _open_session(self) -> smtplib.SMTP:
        """A session with the server, encrypted and logged in as told."""
        route, name = self._route, socket.gethostname()
        if route.tls == "implicit":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                route.host, route.port, name, timeout=ANSWER_TIMEOUT_SECONDS, context=self._ssl_context()
            )
        else:
            server = smtplib.SMTP(route.host, route.port, name, timeout=ANSWER_TIMEOUT_SECONDS)
        try:
            if route.tls == "starttls":
                server.starttls(context=self._ssl_context())
            if route.user:
                server.login(route.user, route.password)
        except (OSError, smtplib.SMTPException):
            server.close()
            raise
        return server

    def _ssl_context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self._route.ca or None)

    def _to_alert_error(self, error: Exception) -> AlertError:
        """The error in our words: those of a server or a library might hold anything."""
        server = f"The mail server {self.host}"
        match error:
            case smtplib.SMTPAuthenticationError():
                return AlertError(f"{server} refused the login:", "mend user and password in REFERA_ALERT_SMTP.")
            case smtplib.SMTPNotSupportedError():
                return AlertError(
                    f"{server} cannot do what it was asked (STARTTLS, or a login):", "mend REFERA_ALERT_SMTP."
                )
            case smtplib.SMTPRecipientsRefused():
                passing = all(400 <= code < 500 for code, _ in error.recipients.values())
                return AlertError(
                    f"{server} refused every address:", "mend REFERA_ALERT_MAIL_TO.", is_transient=passing
                )
            case smtplib.SMTPResponseException():
                passing = 400 <= error.smtp_code < 500
                return AlertError(
                    f"{server} answered {error.smtp_code}:",
                    "ask who runs it, or mend REFERA_ALERT_SMTP.",
                    is_transient=passing,
                )
            case ssl.SSLError():
                return AlertError(
                    f"{server} has no certificate that is trusted:",
                    "name its authority with ?ca= in REFERA_ALERT_SMTP, or mend the address.",
                )
            case FileNotFoundError():
                return AlertError("The file of ?ca= in REFERA_ALERT_SMTP is not there:", "name one that is.")
            case _:
                return AlertError(
                    f"{server} does not answer:", "see whether this machine can reach it.", is_transient=True
                )


def configured_channels(settings: AlertSettings, stage: str) -> list[Channel]:
    """The channels that are configured."""
    origin = Origin(stage=stage, ui_url=settings.ui_url)
    configured: list[Channel] = []
    if settings.webhook:
        configured.append(WebhookChannel(settings.webhook, origin))
    if settings.mail:
        configured.append(MailChannel(settings.mail, origin))
    return configured
