"""``refera up --ui``: Dagster's own web server, daemon and code server on the local stack, kept alive.

A daemon or a web server that dies ends ``dagster dev``, which is started again; a code server that dies leaves a
location in error until somebody presses Reload, which is pressed here.
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

from refera_platform.cli.output import say
from refera_platform.errors import LocalStackError
from refera_platform.orchestration.instance import folder
from refera_platform.settings.stage import CHECKOUT, environment

WORKSPACE = CHECKOUT / "workspace.yaml"
LOOK_EVERY = 3.0
"""Seconds between two looks at the code location."""
HASTE = 20.0
"""A Dagster that ends sooner after its start will end again: it is not started once more."""
BROKEN = """{ workspaceOrError { ... on Workspace { locationEntries { name loadStatus
  locationOrLoadError { __typename } } } } }"""
RELOAD = "mutation reload($name: String!) { reloadRepositoryLocation(repositoryLocationName: $name) { __typename } }"


def serve(home: Path, port: int) -> None:
    """Run ``dagster dev`` until somebody stops it.

    Raises:
        LocalStackError: when it ends by itself as soon as it is started.
    """
    chosen = free_port(port)
    say(f"The Dagster UI will be at http://127.0.0.1:{chosen} in some seconds; Ctrl-C stops it.")
    dagster = Path(sys.executable).parent / "dagster"
    command = [str(dagster), "dev", "-w", str(WORKSPACE), "-h", "127.0.0.1", "-p", str(chosen)]
    variables = environment(
        DAGSTER_HOME=str(folder(home)), DO_NOT_TRACK="1", DAGSTER_DISABLE_TELEMETRY="1", REFERA_HOME=str(home)
    )
    stopping = Stopping()
    while True:
        started = time.monotonic()
        with subprocess.Popen(command, env=variables, cwd=CHECKOUT) as running:  # noqa: S603 - our own argv
            stopping.child = running
            _watch(running, f"http://127.0.0.1:{chosen}/graphql")
        if stopping.is_asked:
            return
        if time.monotonic() - started < HASTE:
            raise LocalStackError("Dagster ended as soon as it was started:", "read its lines above.")
        say("A part of Dagster died; it is started again.")


class Stopping:
    """Hands the signals that stop this process on to Dagster, which ends its parts in order."""

    def __init__(self) -> None:
        self.child: subprocess.Popen[bytes] | None = None
        self.is_asked = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._heard)

    def _heard(self, number: int, frame: FrameType | None) -> None:
        self.is_asked = True
        if self.child and self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)


def _watch(running: subprocess.Popen[bytes], address: str) -> None:
    """Until it ends, reload each location that was seen in error twice; one that is being loaded is left alone."""
    suspects: set[str] = set()
    while True:
        try:
            running.wait(LOOK_EVERY)
        except subprocess.TimeoutExpired:
            broken = _broken(address)
            for name in broken & suspects:
                say(f"The code location {name} is in error; it is loaded again.")
                _ask(address, RELOAD, {"name": name})
            suspects = broken - suspects
        else:
            return


def _broken(address: str) -> set[str]:
    entries = _ask(address, BROKEN, {}).get("workspaceOrError", {}).get("locationEntries", [])
    return {
        entry["name"]
        for entry in entries
        if entry["loadStatus"] == "LOADED" and (entry["locationOrLoadError"] or {}).get("__typename") == "PythonError"
    }


def _ask(address: str, query: str, variables: dict[str, str]) -> dict[str, Any]:
    """Answer of the web server; nothing while it does not answer."""
    content = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(address, content, {"content-type": "application/json"})  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - loopback
            found = json.loads(answer.read()).get("data")
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return {}
    return found if isinstance(found, dict) else {}


def free_port(wanted: int) -> int:
    """The wanted port of the loopback address, or a free one when another process has it."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise LocalStackError(f"Neither port {wanted} nor any other is free on 127.0.0.1:", "stop some server.")
