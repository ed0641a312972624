"""``refera alert``: who is told when something is wrong, and whether a message gets there."""

from datetime import UTC, datetime

from refera_platform.alerts.fault import Kind
from refera_platform.alerts.message import Message, What
from refera_platform.alerts.send import channels
from refera_platform.cli.output import output, say, table
from refera_platform.errors import AlertError, SettingError
from refera_platform.settings.stage import Stage


def alert(stage: Stage, *, test: bool) -> bool:
    """Show each channel, after a message through it when that is asked, and say whether all of them took it.

    Raises:
        SettingError: when there is no channel.
    """
    found = channels(stage.alerts, stage.name)
    if not found:
        raise SettingError(
            "Nobody is told when something is wrong:",
            "set REFERA_ALERT_WEBHOOK, or REFERA_ALERT_SMTP, REFERA_ALERT_MAIL_FROM and REFERA_ALERT_MAIL_TO.",
        )
    rows, well = [], True
    for channel in found:
        came = "configured"
        if test:
            try:
                note = channel.send(_message(datetime.now(UTC)))
                came = f"delivered; {note}" if note else "delivered"
            except AlertError as trouble:
                came, well = str(trouble), False
        rows.append([channel.name, channel.where, came])
    output().print(table(f"Alerts of stage {stage.name}", ["channel", "host", "what came of it"], rows))
    if not test:
        say("Next: refera alert --test")
    return well


def _message(now: datetime) -> Message:
    return Message(
        what=What.TEST,
        incident=f"test{now:%Y%m%d%H%M%S}",
        kind=Kind.RUN,
        link="/runs",
        since=now,
        until=now,
        cause="This is what a failure looks like: its cause in a sentence, what it struck, and a link.",
        things=("raw/classicmodels/orders",),
    )
