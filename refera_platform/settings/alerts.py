"""Settings of alerts: webhook and mail route, from the variables that ``stage`` reads. Errors show no value.

REFERA_ALERT_WEBHOOK ──▶ webhook        REFERA_ALERT_SMTP, _MAIL_FROM, _MAIL_TO ──▶ mail
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from refera_platform.errors import SettingError
from refera_platform.settings.loopback import LOOPBACK_HOSTS

WEBHOOK_VARIABLE, SMTP_VARIABLE, SENDER_VARIABLE, RECIPIENTS_VARIABLE, UI_URL_VARIABLE = (
    "REFERA_ALERT_WEBHOOK",
    "REFERA_ALERT_SMTP",
    "REFERA_ALERT_MAIL_FROM",
    "REFERA_ALERT_MAIL_TO",
    "REFERA_UI_URL",
)
MAIL_ADDRESS_PATTERN = re.compile(r"[!#-'*+\-./0-9=?A-Z^-~]+@[0-9A-Za-z][0-9A-Za-z.-]*")
"""A bare e-mail address; it has no character that could end a header."""
TLS_MODES = ("starttls", "implicit", "off")


@dataclass(frozen=True, kw_only=True)
class MailRoute:
    """An SMTP server, the sender and the recipients of alerts."""

    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)
    tls: str = "starttls"
    """``starttls``, ``implicit`` or ``off``."""
    ca: str = ""
    """Path of the certificate authorities to trust; empty for the machine's own."""
    sender: str
    recipients: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class AlertSettings:
    """Routes of alerts; none by default."""

    webhook: str = field(default="", repr=False)
    """Address of a Slack-compatible webhook; a secret, since whoever knows it can post there."""
    mail: MailRoute | None = None
    ui_url: str = ""
    """Base address of the Dagster UI, without a slash at the end."""

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> "AlertSettings":
        """Read the routes from environment variables.

        Raises:
            SettingError: naming the variable, never its value.
        """
        return cls(webhook=_webhook(env), mail=_mail(env), ui_url=_ui_url(env))


def _webhook(env: Mapping[str, str]) -> str:
    url = env.get(WEBHOOK_VARIABLE, "")
    example = "write it as https://host/path; http is for this machine only."
    parts = _split_url(WEBHOOK_VARIABLE, url, example)
    if url and not (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK_HOSTS)):
        raise SettingError(f"{WEBHOOK_VARIABLE} is not an address of https:", example)
    return url


def _ui_url(env: Mapping[str, str]) -> str:
    url = env.get(UI_URL_VARIABLE, "")
    example = "write it as https://host:port."
    parts = _split_url(UI_URL_VARIABLE, url, example)
    if url and (parts.scheme not in {"http", "https"} or parts.query or parts.username):
        raise SettingError(f"{UI_URL_VARIABLE} is not the base address of a UI:", example)
    return url.rstrip("/")


def _mail(env: Mapping[str, str]) -> MailRoute | None:
    names = (SMTP_VARIABLE, SENDER_VARIABLE, RECIPIENTS_VARIABLE)
    missing = [name for name in names if not env.get(name)]
    if len(missing) == len(names):
        return None
    if missing:
        raise SettingError(f"Alerts by e-mail need {', '.join(missing)} too:", "set all three, or none.")
    example = "write it as smtp://user:password@host:587, with special characters percent-encoded."
    parts = _split_url(SMTP_VARIABLE, env[SMTP_VARIABLE], example)
    if parts.scheme not in {"smtp", "smtps"} or parts.path.strip("/"):
        raise SettingError(f"{SMTP_VARIABLE} is not the address of a mail server:", example)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if not (user + password).isascii() or bool(user) != bool(password):
        raise SettingError(f"{SMTP_VARIABLE} needs a user and a password of ASCII characters, or neither:", example)
    host = parts.hostname or ""
    is_implicit_tls = parts.scheme == "smtps"
    tls, authorities = _mail_options(
        parts, "implicit" if is_implicit_tls else "off" if host in LOOPBACK_HOSTS else "starttls"
    )
    return MailRoute(
        host=host,
        port=parts.port or (465 if is_implicit_tls else 587),
        user=user,
        password=password,
        tls=tls,
        ca=authorities,
        sender=_addresses(SENDER_VARIABLE, env[SENDER_VARIABLE])[0],
        recipients=_addresses(RECIPIENTS_VARIABLE, env[RECIPIENTS_VARIABLE]),
    )


def _mail_options(parts: SplitResult, default: str) -> tuple[str, str]:
    options = {key: values[-1] for key, values in parse_qs(parts.query, keep_blank_values=True).items()}
    tls, authorities = options.pop("tls", default), options.pop("ca", "")
    if options or tls not in TLS_MODES or (parts.scheme == "smtps") != (tls == "implicit"):
        raise SettingError(
            f"{SMTP_VARIABLE} has an option that is not known: tls is starttls or off (smtps:// is encrypted from"
            " the start),"
            " and ca is a path; nothing else may follow the question mark."
        )
    return tls, authorities


def _addresses(variable: str, text: str) -> tuple[str, ...]:
    addresses = tuple(part.strip() for part in text.split(","))
    if not all(MAIL_ADDRESS_PATTERN.fullmatch(each) for each in addresses) or (
        variable == SENDER_VARIABLE and len(addresses) != 1
    ):
        several = "" if variable == SENDER_VARIABLE else ", several with commas between them"
        raise SettingError(f"{variable} is not an e-mail address:", f"write ops@example.com{several}.")
    return addresses


def _split_url(variable: str, url: str, example: str) -> SplitResult:
    """The parts of an address; an empty one has none."""
    try:
        parts = urlsplit(url)
        is_valid = not url or bool(parts.hostname and parts.port != 0)
    except ValueError:
        is_valid = False
    if not is_valid or not url.isascii() or any(sign.isspace() or not sign.isprintable() for sign in url):
        raise SettingError(f"{variable} is not an address:", example)
    return parts
