"""What people read: one message as Slack-compatible JSON and as an e-mail, bounded, and harmless whatever failed."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from enum import StrEnum
from typing import Any

from refera_platform.alerts.fault import Kind, one_line

MOST_NAMES = 10
"""Names that a message shows."""
LONGEST_NAME = 50
"""Characters of each; blocks of Slack take 3000 in all, and escaping makes five of one."""
LONGEST_SUBJECT = 140
_CALLS_EVERYBODY = re.compile(r"@(?=(?:channel|here|all|everyone|group)\b)", re.IGNORECASE)


class What(StrEnum):
    """Why a message is sent."""

    OPENED = "opened"
    WIDENED = "widened"
    RECOVERED = "recovered"
    TEST = "test"


@dataclass(frozen=True, kw_only=True)
class Message:
    """One message to people."""

    what: What
    incident: str
    """Opaque and the same in every message of one incident."""
    kind: Kind
    cause: str
    things: tuple[str, ...]
    """What is struck, has joined, or is well again."""
    link: str
    """Where the UI shows it, from its root."""
    since: datetime
    until: datetime
    """When this was so; of a recovery, when it was noticed."""

    @property
    def subject(self) -> str:
        """The incident in a few words, the same in all its messages so that mail programs keep them together."""
        return _short(f"{self.kind}: {one_line(self.cause)}", LONGEST_SUBJECT)

    @property
    def title(self) -> str:
        """What happened."""
        match self.what:
            case What.RECOVERED:
                return f"Recovered after {lasted(self.until - self.since)}"
            case What.WIDENED:
                return f"{self.kind}: {len(self.things)} more joined it"
            case What.TEST:
                return "Test: alerts of refera reach you here"
            case _:
                return f"{self.kind}, told once" if self.kind is Kind.REFUSED else str(self.kind)

    @property
    def names(self) -> str:
        """What it is about, as far as it can be shown."""
        shown = ", ".join(_short(one_line(name), LONGEST_NAME) for name in self.things[:MOST_NAMES])
        more = len(self.things) - MOST_NAMES
        return f"{shown} and {more} more" if more > 0 else shown


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Which house speaks."""

    stage: str
    ui_url: str = ""
    """Base address of the UI without a slash at the end; empty when nobody told it."""

    def address(self, link: str) -> str:
        """What a person can open; empty when the UI's address is not known."""
        return f"{self.ui_url}{link}" if self.ui_url and link else ""


def slack(message: Message, origin: Origin) -> dict[str, Any]:
    """The body of a request to an incoming webhook of Slack, or of what understands the same.

    ``text`` tells everything, for those that show no blocks (Mattermost) and for notifications.
    """
    head = f"*{escape(message.title)}* · {escape(origin.stage)}"
    cause, names = escape(one_line(message.cause)), escape(message.names)
    address = origin.address(message.link)
    link = f"<{escape(address)}|Open in Dagster>" if address else ""
    blocks = [_section(f"{head}\n{cause}")]
    if context := " · ".join(filter(None, (names, link))):
        blocks.append({"type": "context", "elements": [_words(context)]})
    return {"text": "\n".join(filter(None, (head, cause, names, link))), "blocks": blocks}


def mail(message: Message, origin: Origin, sender: str, recipients: tuple[str, ...]) -> EmailMessage:
    """The same as an e-mail; what follows an incident refers to the message that told it."""
    domain = sender.rpartition("@")[2]
    first = f"<{message.incident}.{What.OPENED}@{domain}>"
    made = EmailMessage()
    made["From"], made["To"] = sender, ", ".join(recipients)
    made["Date"] = format_datetime(message.until)
    made["Auto-Submitted"] = "auto-generated"
    subject = f"[refera {origin.stage}] {message.subject}"
    if message.what in {What.OPENED, What.TEST}:
        made["Subject"] = subject
        made["Message-ID"] = first if message.what is What.OPENED else _own_id(message, domain)
    else:
        made["Subject"] = f"Re: {subject}"
        made["Message-ID"] = _own_id(message, domain)
        made["In-Reply-To"] = made["References"] = first
    address = origin.address(message.link)
    parts = [f"{message.title}.", one_line(message.cause), message.names, address]
    made.set_content("\n\n".join(filter(None, parts)) + f"\n\nSince {message.since:%Y-%m-%d %H:%M} UTC.\n")
    return made


def escape(text: str) -> str:
    """A text that Slack shows as it is: no mention, no link, no call to everybody."""
    safe = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _CALLS_EVERYBODY.sub("@\u200b", safe)


def lasted(span: timedelta) -> str:
    """A duration in two units at most."""
    minutes = max(0, round(span.total_seconds() / 60))
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    units = [(days, "d"), (hours, "h"), (minutes, "min")]
    told = [f"{count} {unit}" for count, unit in units if count][:2]
    return " ".join(told) or "less than a minute"


def _own_id(message: Message, domain: str) -> str:
    return f"<{message.incident}.{message.what}.{int(message.until.timestamp())}@{domain}>"


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _words(text)}


def _words(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
