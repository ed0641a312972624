"""``refera status``: the servers as a table for people, or everything a client needs as JSON."""

import json
from datetime import timedelta
from pathlib import Path

from refera_platform.cli.output import output, table
from refera_platform.errors import SettingError
from refera_platform.sandbox import stack


def print_status(home: Path, form: str) -> bool:
    """Print it, and say whether everything runs and answers.

    Raises:
        SettingError: for a format that is not known.
    """
    if form not in {"table", "json"}:
        raise SettingError(f"--format {form!r} is not known:", "choose table or json.")
    found = stack.asked(home)
    if form == "json":
        output().print_json(json.dumps(found.as_json()))
        return found.running
    rows = [
        [
            server.name,
            server.state,
            server.address or None,
            server.pid,
            str(timedelta(seconds=int(server.uptime))) if server.uptime is not None else None,
            server.log,
        ]
        for server in found.servers
    ]
    output().print(table(f"Local stack in {home}", ["server", "state", "address", "pid", "up since", "log"], rows))
    return found.running
