"""Alert message: rendered as Slack-compatible JSON and as an e-mail, bounded in length and escaped.

Sends nothing: ``send`` does.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from enum import StrEnum
from typing import Any

from refera_platform.alerts.fault import FaultKind, one_line

MAX_NAMES = 10
"""Most names in a message."""
MAX_NAME_CHARACTERS = 50
"""Most characters of a name: a Slack block holds 3000 in all, and escaping makes up to five of one."""
MAX_SUBJECT_CHARACTERS = 140
_MENTION_PATTERN = re.compile(r"@(?=(?:channel|here|all|everyone|group)\b)", re.IGNORECASE)


class MessageType(StrEnum):
    """Why a message is sent."""

    OPENED = "opened"
    WIDENED = "widened"
    RECOVERED = "recovered"
    TEST = "test"


@dataclass(frozen=True, kw_only=True)
class Message:
    """One message to people."""

    message_type: MessageType
    incident_id: str
    """Opaque id, the same in every message of one incident."""
    kind: FaultKind
    cause: str
    affected: tuple[str, ...]
    """What is affected, newly affected, or recovered, by ``message_type``."""
    link: str
    """Path in the UI."""
    since: datetime
    until: datetime
    """Instant of the state that the message describes; of a recovery, when it was noticed."""

    @property
    def subject(self) -> str:
        """Subject: the same in all messages of an incident, so that mail programs group them."""
        return _truncate(f"{self.kind.label}: {one_line(self.cause)}", MAX_SUBJECT_CHARACTERS)

    @property
    def title(self) -> str:
        """Title: what happened."""
        match self.message_type:
            case MessageType.RECOVERED:
                return f"Recovered after {format_duration(self.until - self.since)}"
            case MessageType.WIDENED:
                return f"{self.kind.label}: {len(self.affected)} more affected"
            case MessageType.TEST:
                return "Test: alerts of refera reach you here"
            case _:
                return f"{self.kind.label}, reported once" if self.kind is FaultKind.REFUSED else self.kind.label

    @property
    def names(self) -> str:
        """Affected names, up to the limit."""
        shown_names = ", ".join(_truncate(one_line(name), MAX_NAME_CHARACTERS) for name in self.affected[:MAX_NAMES])
        hidden_count = len(self.affected) - MAX_NAMES
        return f"{shown_names} and {hidden_count} more" if hidden_count > 0 else shown_names


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Origin of a message: the deployment that sends it."""

    stage: str
    ui_url: str = ""
    """Base URL of the UI without a slash at the end; empty when it is not configured."""

    def ui_link(self, link: str) -> str:
        """URL of a path in the UI; empty when the base URL is not configured."""
        return f"{self.ui_url}{link}" if self.ui_url and link else ""


def slack_payload(message: Message, origin: Origin) -> dict[str, Any]:
    """Body of a request to a webhook that is compatible with Slack's incoming webhooks.

    ``text`` holds everything, for clients without blocks (Mattermost) and for notifications.
    """
    head = f"*{escape_slack(message.title)}* · {escape_slack(origin.stage)}"
    cause, names = escape_slack(one_line(message.cause)), escape_slack(message.names)
    address = origin.ui_link(message.link)
    link = f"<{escape_slack(address)}|Open in Dagster>" if address else ""
    blocks = [_section(f"{head}\n{cause}")]
    if context := " · ".join(filter(None, (names, link))):
        blocks.append({"type": "context", "elements": [_mrkdwn(context)]})
    return {"text": "\n".join(filter(None, (head, cause, names, link))), "blocks": blocks}


def email_message(message: Message, origin: Origin, sender: str, recipients: tuple[str, ...]) -> EmailMessage:
    """The message as an e-mail; later messages of an incident refer to its first one."""
    domain = sender.rpartition("@")[2]
    opening_id = f"<{message.incident_id}.{MessageType.OPENED}@{domain}>"
    email = EmailMessage()
    email["From"], email["To"] = sender, ", ".join(recipients)
    email["Date"] = format_datetime(message.until)
    email["Auto-Submitted"] = "auto-generated"
    subject = f"[refera {origin.stage}] {message.subject}"
    if message.message_type in {MessageType.OPENED, MessageType.TEST}:
        email["Subject"] = subject
        email["Message-ID"] = opening_id if message.message_type is MessageType.OPENED else _message_id(message, domain)
    else:
        email["Subject"] = f"Re: {subject}"
        email["Message-ID"] = _message_id(message, domain)
        email["In-Reply-To"] = email["References"] = opening_id
    address = origin.ui_link(message.link)
    parts = [f"{message.title}.", one_line(message.cause), message.names, address]
    email.set_content("\n\n".join(filter(None, parts)) + f"\n\nSince {message.since:%Y-%m-%d %H:%M} UTC.\n")
    return email


def escape_slack(text: str) -> str:
    """Escape a text for Slack: it cannot mention anybody or become a link."""
    safe = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MENTION_PATTERN.sub("@\u200b", safe)


def format_duration(span: timedelta) -> str:
    """A duration in at most two units."""
    minutes = max(0, round(span.total_seconds() / 60))
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    units = [(days, "d"), (hours, "h"), (minutes, "min")]
    parts = [f"{count} {unit}" for count, unit in units if count][:2]
    return " ".join(parts) or "less than a minute"


def _message_id(message: Message, domain: str) -> str:
    return f"<{message.incident_id}.{message.message_type}.{int(message.until.timestamp())}@{domain}>"


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _mrkdwn(text)}


def _mrkdwn(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _truncate(text: str, max_characters: int) -> str:
    return text if len(text) <= max_characters else f"{text[: max_characters - 1]}…"
