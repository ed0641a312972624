"""``refera alert``: prints the alert channels, and sends a test message through each."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from refera_platform.alerts.fault import FaultKind
from refera_platform.alerts.message import Message, MessageType
from refera_platform.alerts.send import configured_channels
from refera_platform.cli.output import print_message, results_console, results_table
from refera_platform.errors import AlertError, SettingError
from refera_platform.settings.stage import load_stage

EXAMPLES = ("refera alert", "refera alert --test")


def alert(
    test: Annotated[bool, typer.Option("--test", help="Send a message through each channel.")] = False,
) -> None:
    """Print each channel, after a test message if requested; exits with 1 when one of them did not accept it.

    Raises:
        SettingError: when there is no channel.
    """
    stage = load_stage()
    configured = configured_channels(stage.alerts, stage.name)
    if not configured:
        raise SettingError(
            "No alert channel is configured:",
            "set REFERA_ALERT_WEBHOOK, or REFERA_ALERT_SMTP, REFERA_ALERT_MAIL_FROM and REFERA_ALERT_MAIL_TO.",
        )
    rows, is_well = [], True
    for channel in configured:
        outcome = "configured"
        if test:
            try:
                remark = channel.send(_message(datetime.now(UTC)))
                outcome = f"delivered; {remark}" if remark else "delivered"
            except AlertError as error:
                outcome, is_well = str(error), False
        rows.append([channel.name, channel.host, outcome])
    results_console().print(results_table(f"Alerts of stage {stage.name}", ["channel", "host", "result"], rows))
    if not test:
        print_message("Next: refera alert --test")
    if not is_well:
        raise typer.Exit(1)


def _message(now: datetime) -> Message:
    return Message(
        message_type=MessageType.TEST,
        incident_id=f"test{now:%Y%m%d%H%M%S}",
        kind=FaultKind.RUN,
        link="/runs",
        since=now,
        until=now,
        cause="This is what a failure looks like: its cause in a sentence, what it affects, and a link.",
        affected=("raw/classicmodels/orders",),
    )
