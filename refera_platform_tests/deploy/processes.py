"""The services of the compose file as plain processes: its commands and variables, on free ports of this machine.

A service's folders stand for its container's: ``/opt`` is unpacked as its Dockerfile says, ``/tmp`` is new at every start.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from refera_platform.sandbox.servers import ports
from refera_platform_tests.deploy import shape
from refera_platform_tests.ui import Ui

BIN = Path(sys.executable).parent
PATIENCE = 120.0


class Services:
    """Code location, webserver and daemon, each started and stopped by itself."""

    def __init__(self, folder: Path, variables: Mapping[str, str]) -> None:
        self.folder = folder
        self.code, self.web = ports.pick_free_port(), ports.pick_free_port()
        self._variables = {**variables}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        for name in ("code", "webserver", "daemon"):
            image = shape.compose()["services"][name]["build"]["dockerfile"]
            shape.unpack(shape.ROOT / image, folder / name)

    def files(self, service: str) -> dict[str, int]:
        """Every file of the service's image, and when it was written."""
        place = self.folder / service / "opt"
        return {str(path.relative_to(place)): path.stat().st_mtime_ns for path in place.rglob("*") if path.is_file()}

    def start(self, *services: str) -> None:
        for service in services:
            place = self.folder / service
            shutil.rmtree(place / "tmp", ignore_errors=True)
            (place / "tmp").mkdir()
            (place / "var").mkdir(exist_ok=True)
            inside = shape.environment(service, self._variables)
            inside = {name: value.replace("/opt/", f"{place}/opt/") for name, value in inside.items()}
            moved = {
                "PATH": f"{BIN}:{os.defpath}",
                "TMPDIR": str(place / "tmp"),
                "HOME": str(place / "var"),
                "REFERA_CODE_HOST": "127.0.0.1",
                "REFERA_CODE_PORT": str(self.code),
            }
            if service == "code":
                moved["REFERA_HOME"] = str(place / "var")
            at = {"0.0.0.0": "127.0.0.1", "4000": str(self.code), "3000": str(self.web)}
            words = [at.get(word, word.replace("/opt/", f"{place}/opt/")) for word in shape.command(service)]
            with (place / "log").open("ab") as log:
                self._running[service] = subprocess.Popen(
                    words,
                    env={**inside, **moved},
                    cwd=place / "opt",
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )

    def stop(self, *services: str) -> None:
        """Ask the service to stop, as a container is asked."""
        for service in services:
            self._running[service].send_signal(signal.SIGTERM)
        for service in services:
            self._running.pop(service).wait(timeout=60)

    def kill(self, service: str) -> None:
        """End the service and all that it started, as a container ends."""
        process = self._running.pop(service)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def end(self) -> None:
        for service in list(self._running):
            self.kill(service)

    def is_healthy(self, service: str) -> bool:
        """Whether the service's own health check of the compose file says so; a start of Python for each question."""
        if service == "code" and not _is_listening(self.code):
            return False
        (_, *words) = shape.compose()["services"][service]["healthcheck"]["test"]
        told = {**shape.environment(service, self._variables), "PATH": f"{BIN}:{os.defpath}"}
        told["DAGSTER_HOME"] = str(self.folder / service / "opt" / "dagster")
        words = [str(self.code) if word == "4000" else word for word in words]
        return subprocess.run([str(BIN / words[0]), *words[1:]], env=told, capture_output=True).returncode == 0

    @property
    def ui(self) -> Ui:
        """The webserver, asked as its own pages do."""
        return Ui(self.web)

    def wait(self, question: Callable[[], Any], what: str) -> Any:
        """Ask until there is an answer, while all that was started runs."""
        return self.ui.wait(question, what, PATIENCE, self._ended)

    def _ended(self) -> str:
        ended = [name for name, process in self._running.items() if process.poll() is not None]
        return " ".join(f"{name} ended: {self.said(name)}" for name in ended)

    def said(self, service: str) -> str:
        path = self.folder / service / "log"
        return path.read_text()[-3000:] if path.exists() else ""


def _is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
