"""``refera up --ui``: runs ``dagster dev`` (web server, daemon, code server) on the local stack and keeps it alive.

When the daemon or the web server dies, ``dagster dev`` ends and is started again. When a code server dies, its location
stays in error until somebody presses Reload; this module requests that reload.
"""

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import FrameType
from typing import Any

from refera_platform.cli.output import print_message
from refera_platform.errors import LocalStackError
from refera_platform.orchestration.instance import dagster_home
from refera_platform.settings.stage import CHECKOUT_FOLDER, child_environment

WORKSPACE = CHECKOUT_FOLDER / "workspace.yaml"
LOCATION_POLL_SECONDS = 3.0
"""Seconds between two polls of the code locations."""
MIN_LIFETIME_SECONDS = 20.0
"""A Dagster that ends sooner after its start would end again, so it is not restarted."""
LOCATIONS_QUERY = """{ workspaceOrError { ... on Workspace { locationEntries { name loadStatus
  locationOrLoadError { __typename } } } } }"""
RELOAD_MUTATION = (
    "mutation reload($name: String!) { reloadRepositoryLocation(repositoryLocationName: $name) { __typename } }"
)


def serve_ui(home: Path, port: int) -> None:
    """Run ``dagster dev`` until a signal stops it.

    Raises:
        LocalStackError: when it ends right after its start.
    """
    chosen_port = free_port(port)
    print_message(f"The Dagster UI will be at http://127.0.0.1:{chosen_port} in some seconds; Ctrl-C stops it.")
    dagster = Path(sys.executable).parent / "dagster"
    command = [str(dagster), "dev", "-w", str(WORKSPACE), "-h", "127.0.0.1", "-p", str(chosen_port)]
    variables = child_environment(
        DAGSTER_HOME=str(dagster_home(home)), DO_NOT_TRACK="1", DAGSTER_DISABLE_TELEMETRY="1", REFERA_HOME=str(home)
    )
    signals = SignalForwarder()
    while True:
        started = time.monotonic()
        with subprocess.Popen(command, env=variables, cwd=CHECKOUT_FOLDER) as process:  # noqa: S603 - our own argv
            signals.forward_to(process)
            _reload_broken_locations(process, f"http://127.0.0.1:{chosen_port}/graphql")
        if signals.is_stopping:
            return
        if time.monotonic() - started < MIN_LIFETIME_SECONDS:
            raise LocalStackError("Dagster ended as soon as it was started:", "read its lines above.")
        print_message("A part of Dagster died; it is started again.")


class SignalForwarder:
    """Forwards stop signals of this process to Dagster, which then ends its own processes in order."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self.is_stopping = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)

    def forward_to(self, child: subprocess.Popen[bytes]) -> None:
        """Forward signals to this process from now on."""
        self._child = child

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.is_stopping = True
        if self._child and self._child.poll() is None:
            self._child.send_signal(signal.SIGTERM)


def _reload_broken_locations(process: subprocess.Popen[bytes], address: str) -> None:
    """Reload each location that is in error at two polls in a row, until the process ends; skips loading ones."""
    suspects: set[str] = set()
    while True:
        try:
            process.wait(LOCATION_POLL_SECONDS)
        except subprocess.TimeoutExpired:
            broken_names = _broken_locations(address)
            for name in broken_names & suspects:
                print_message(f"The code location {name} is in error; it is loaded again.")
                _query_graphql(address, RELOAD_MUTATION, {"name": name})
            suspects = broken_names - suspects
        else:
            return


def _broken_locations(address: str) -> set[str]:
    entries = _query_graphql(address, LOCATIONS_QUERY, {}).get("workspaceOrError", {}).get("locationEntries", [])
    return {
        entry["name"]
        for entry in entries
        if entry["loadStatus"] == "LOADED" and (entry["locationOrLoadError"] or {}).get("__typename") == "PythonError"
    }


def _query_graphql(address: str, query: str, variables: dict[str, str]) -> dict[str, Any]:
    """Data of the web server's answer; empty while it does not answer."""
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(address, body, {"content-type": "application/json"})  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - loopback
            data = json.loads(answer.read()).get("data")
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return {}
    return data if isinstance(data, dict) else {}


def free_port(preferred: int) -> int:
    """The preferred port of the loopback address, or a free one when another process uses it."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise LocalStackError(f"Neither port {preferred} nor any other is free on 127.0.0.1:", "stop some server.")
