"""What people read: one message as Slack-compatible JSON and as an e-mail, bounded, and harmless whatever failed."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from enum import StrEnum
from typing import Any

from refera_platform.alerts.fault import FaultKind, one_line

MAX_NAMES = 10
"""Names that a message shows."""
MAX_NAME_CHARACTERS = 50
"""Characters of each; blocks of Slack take 3000 in all, and escaping makes five of one."""
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
    """Opaque and the same in every message of one incident."""
    kind: FaultKind
    cause: str
    affected: tuple[str, ...]
    """What is struck, has joined, or is well again."""
    link: str
    """Where the UI shows it, from its root."""
    since: datetime
    until: datetime
    """When this was so; of a recovery, when it was noticed."""

    @property
    def subject(self) -> str:
        """The incident in a few words, the same in all its messages so that mail programs keep them together."""
        return _truncate(f"{self.kind}: {one_line(self.cause)}", MAX_SUBJECT_CHARACTERS)

    @property
    def title(self) -> str:
        """What happened."""
        match self.message_type:
            case MessageType.RECOVERED:
                return f"Recovered after {format_duration(self.until - self.since)}"
            case MessageType.WIDENED:
                return f"{self.kind}: {len(self.affected)} more joined it"
            case MessageType.TEST:
                return "Test: alerts of refera reach you here"
            case _:
                return f"{self.kind}, told once" if self.kind is FaultKind.REFUSED else str(self.kind)

    @property
    def names(self) -> str:
        """What it is about, as far as it can be shown."""
        shown_names = ", ".join(_truncate(one_line(name), MAX_NAME_CHARACTERS) for name in self.affected[:MAX_NAMES])
        hidden_count = len(self.affected) - MAX_NAMES
        return f"{shown_names} and {hidden_count} more" if hidden_count > 0 else shown_names


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Which house speaks."""

    stage: str
    ui_url: str = ""
    """Base address of the UI without a slash at the end; empty when nobody told it."""

    def ui_link(self, link: str) -> str:
        """What a person can open; empty when the UI's address is not known."""
        return f"{self.ui_url}{link}" if self.ui_url and link else ""


def slack_payload(message: Message, origin: Origin) -> dict[str, Any]:
    """The body of a request to an incoming webhook of Slack, or of what understands the same.

    ``text`` tells everything, for those that show no blocks (Mattermost) and for notifications.
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
    """The same as an e-mail; what follows an incident refers to the message that told it."""
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
    """A text that Slack shows as it is: no mention, no link, no call to everybody."""
    safe = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MENTION_PATTERN.sub("@\u200b", safe)


def format_duration(span: timedelta) -> str:
    """A duration in two units at most."""
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
