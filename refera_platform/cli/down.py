"""``refera down``: stops the local stack, and with ``--wipe`` deletes its data."""

from typing import Annotated

import typer

from refera_platform.cli.output import print_message
from refera_platform.sandbox import stack
from refera_platform.settings.stage import home_folder

EXAMPLES = ("refera down", "refera down --wipe")


def down(wipe: Annotated[bool, typer.Option("--wipe", help="Delete its data as well.")] = False) -> None:
    """Stop the servers."""
    stack.stop_stack(home_folder(), wipe=wipe)
    print_message("The local stack is down" + (" and its data deleted." if wipe else "; its data stays."))
