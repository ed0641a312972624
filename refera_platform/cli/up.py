"""``refera up``: starts the local stack, and with ``--ui`` Dagster on it.

``sandbox.stack`` starts the servers, and ``cli.ui`` serves Dagster's UI.
"""

from typing import Annotated

import typer

from refera_platform.cli.output import print_message, progress_steps
from refera_platform.sandbox import stack
from refera_platform.settings.stage import home_folder

EXAMPLES = ("refera up", "refera up --ui --port 3100")


def up(
    ui: Annotated[bool, typer.Option("--ui", help="Open the Dagster UI on the stack; stays until Ctrl-C.")] = False,
    port: Annotated[int, typer.Option(help="Port of the UI; another one is picked when it is taken.")] = 3000,
) -> None:
    """Start the stack and print its addresses."""
    with progress_steps(None, "Starting the local stack") as progress:
        address = stack.start_stack(home_folder(), progress.advance)
    print_message(f"MariaDB at {address.mariadb.host}:{address.mariadb.port}, S3 at {address.s3.endpoint}")
    if ui:
        from refera_platform.cli.ui import serve_ui  # it imports Dagster, which takes seconds

        serve_ui(home_folder(), port)
