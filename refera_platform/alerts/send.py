"""Alert channels: a webhook and e-mail. Neither puts its address or password into an error."""

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
"""Seconds; an evaluation of the sensor has a minute in all."""


class Channel(Protocol):
    """One way to send messages to people."""

    @property
    def name(self) -> str:
        """Name under which the state keeps what the channel was notified of."""

    @property
    def host(self) -> str:
        """Host of the channel, for error messages."""

    def send(self, message: Message) -> str:
        """Send a message; returns a remark for whoever runs the sensor, or an empty text.

        Raises:
            AlertError: when the message was not delivered.
        """


class WebhookChannel:
    """Webhook that accepts the JSON of Slack's incoming webhooks."""

    name = "webhook"

    def __init__(self, url: str, origin: Origin) -> None:
        self._url, self._origin = url, origin
        self.host = urlsplit(url).hostname or ""

    def send(self, message: Message) -> str:
        """Send one POST; redirects are not followed, because they could lead anywhere."""
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
                "name its authority in REQUESTS_CA_BUNDLE, or correct REFERA_ALERT_WEBHOOK.",
            ) from None
        except (requests.exceptions.ConnectionError, requests.exceptions.Timeout):
            raise AlertError(
                f"The webhook at {self.host} does not answer:",
                "see whether this machine can reach it.",
                is_transient=True,
            ) from None
        except requests.exceptions.RequestException as error:
            raise AlertError(
                f"The webhook at {self.host} cannot be called ({type(error).__name__}):",
                "correct REFERA_ALERT_WEBHOOK.",
            ) from None
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            passing = status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR
            remedy = "it is tried again." if passing else "make a new one and set REFERA_ALERT_WEBHOOK."
            raise AlertError(f"The webhook at {self.host} answered {status}:", remedy, is_transient=passing)
        return ""


class MailChannel:
    """E-mail through an SMTP server."""

    name = "mail"

    def __init__(self, route: MailRoute, origin: Origin) -> None:
        self._route, self._origin = route, origin
        self.host = route.host

    def send(self, message: Message) -> str:
        """Send in one session; some recipients may be refused while others are accepted."""
        email = email_message(message, self._origin, self._route.sender, self._route.recipients)
        server = None
        try:
            server = self._open_session()
            refused_recipients = server.send_message(email, self._route.sender, list(self._route.recipients))
        except (OSError, smtplib.SMTPException) as error:
            raise self._to_alert_error(error) from None
        finally:
            if server is not None:
                with suppress(OSError, smtplib.SMTPException):  # accepted, or an error is raised already
                    server.quit()
                server.close()
        return (
            f"the server refused {len(refused_recipients)} of the addresses in REFERA_ALERT_MAIL_TO"
            if refused_recipients
            else ""
        )

    def _open_session(self) -> smtplib.SMTP:
        """SMTP session, with encryption and login as configured."""
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
        """AlertError in our words: the text of a server or a library may hold anything."""
        server = f"The mail server {self.host}"
        match error:
            case smtplib.SMTPAuthenticationError():
                return AlertError(f"{server} refused the login:", "correct user and password in REFERA_ALERT_SMTP.")
            case smtplib.SMTPNotSupportedError():
                return AlertError(
                    f"{server} does not support what the address requests (STARTTLS, or a login):",
                    "correct REFERA_ALERT_SMTP.",
                )
            case smtplib.SMTPRecipientsRefused():
                passing = all(400 <= code < 500 for code, _ in error.recipients.values())
                return AlertError(
                    f"{server} refused every address:", "correct REFERA_ALERT_MAIL_TO.", is_transient=passing
                )
            case smtplib.SMTPResponseException():
                passing = 400 <= error.smtp_code < 500
                return AlertError(
                    f"{server} answered {error.smtp_code}:",
                    "ask who runs it, or correct REFERA_ALERT_SMTP.",
                    is_transient=passing,
                )
            case ssl.SSLError():
                return AlertError(
                    f"{server} has no certificate that is trusted:",
                    "name its authority with ?ca= in REFERA_ALERT_SMTP, or correct the address.",
                )
            case FileNotFoundError():
                return AlertError("The file of ?ca= in REFERA_ALERT_SMTP does not exist:", "name an existing file.")
            case _:
                return AlertError(
                    f"{server} does not answer:", "see whether this machine can reach it.", is_transient=True
                )


def configured_channels(settings: AlertSettings, stage: str) -> list[Channel]:
    """Channels that the settings configure."""
    origin = Origin(stage=stage, ui_url=settings.ui_url)
    configured: list[Channel] = []
    if settings.webhook:
        configured.append(WebhookChannel(settings.webhook, origin))
    if settings.mail:
        configured.append(MailChannel(settings.mail, origin))
    return configured
