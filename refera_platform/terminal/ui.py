"""``refera up --ui``: Dagster's own web server and daemon on the local stack."""

import os
import socket
import sys
from pathlib import Path

from refera_platform.errors import LocalStackError
from refera_platform.orchestration.instance import folder
from refera_platform.stage import CHECKOUT, environment
from refera_platform.terminal.show import say

WORKSPACE = CHECKOUT / "workspace.yaml"


def serve(home: Path, port: int) -> None:
    """Become ``dagster dev``, until somebody stops it."""
    chosen = free_port(port)
    say(f"The Dagster UI will be at http://127.0.0.1:{chosen} in some seconds; Ctrl-C stops it.")
    dagster = Path(sys.executable).parent / "dagster"
    command = [str(dagster), "dev", "-w", str(WORKSPACE), "-h", "127.0.0.1", "-p", str(chosen)]
    variables = environment(
        DAGSTER_HOME=str(folder(home)), DO_NOT_TRACK="1", DAGSTER_DISABLE_TELEMETRY="1", REFERA_HOME=str(home)
    )
    os.chdir(CHECKOUT)
    os.execve(command[0], command, variables)  # noqa: S606 - our own argv; signals reach Dagster directly


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
