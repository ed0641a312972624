"""``refera status``: prints the local servers as a table, or everything that a client needs as JSON."""

import json
from datetime import timedelta
from typing import Annotated

import typer

from refera_platform.cli.output import require_table_or_json, results_console, results_table
from refera_platform.sandbox import stack
from refera_platform.settings.stage import home_folder

EXAMPLES = ("refera status", "refera status --format json | jq .servers.mariadb")


def status(
    form: Annotated[str, typer.Option("--format", help="table or json (with credentials).")] = "table",
) -> None:
    """Print the status; exits with 1 unless every server runs and answers."""
    require_table_or_json(form)
    stack_status = stack.probe_stack(home_folder())
    if form == "json":
        results_console().print_json(json.dumps(stack_status.to_json()))
    else:
        columns = ["server", "state", "address", "pid", "up since", "log"]
        rows = [
            [
                server.name,
                server.state,
                server.address or None,
                server.pid,
                str(timedelta(seconds=int(server.uptime_seconds))) if server.uptime_seconds is not None else None,
                server.log_path,
            ]
            for server in stack_status.servers
        ]
        results_console().print(results_table(f"Local stack in {home_folder()}", columns, rows))
    if not stack_status.is_running:
        raise typer.Exit(1)
