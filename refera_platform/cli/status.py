"""``refera status``: prints the local servers as a table, or everything that a client needs as JSON."""

import json
from datetime import timedelta
from pathlib import Path

from refera_platform.cli.output import results_console, results_table
from refera_platform.errors import SettingError
from refera_platform.sandbox import stack


def print_status(home: Path, form: str) -> bool:
    """Print the status; returns whether every server runs and answers.

    Raises:
        SettingError: for an unknown format.
    """
    if form not in {"table", "json"}:
        raise SettingError(f"--format {form!r} is not known:", "choose table or json.")
    stack_status = stack.probe_stack(home)
    if form == "json":
        results_console().print_json(json.dumps(stack_status.to_json()))
        return stack_status.is_running
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
    results_console().print(
        results_table(f"Local stack in {home}", ["server", "state", "address", "pid", "up since", "log"], rows)
    )
    return stack_status.is_running
