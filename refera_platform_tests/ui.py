"""A running Dagster on a private business, asked as its own pages ask it."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from refera_platform.cli.ui import free_port
from refera_platform.sandbox import stack

REFERA = Path(sys.executable).parent / "refera"
POLL_SECONDS = 0.5
"""Between two questions to a server: each is answered by a process that needs the machine for what is waited for."""
FINISHED = frozenset({"SUCCESS", "FAILURE", "CANCELED"})
LAUNCH = """mutation launch($params: ExecutionParams!) { launchPipelineExecution(executionParams: $params) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
BACKFILL = """mutation backfill($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {
  __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
EVENTS = """query events($run: ID!) { logsForRun(runId: $run, limit: 1000) { ... on EventConnection { events {
  ... on MessageEvent { timestamp message eventType stepKey } } } } }"""


class Ui:
    """The web server of one location."""

    def __init__(self, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}"

    def ask(self, query: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Answer of one GraphQL question."""
        request = urllib.request.Request(
            f"{self.address}/graphql",
            json.dumps({"query": query, "variables": variables or {}}).encode(),
            {"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            told = json.loads(answer.read())
        assert not told.get("errors"), told
        found: dict[str, Any] = told["data"]
        return found

    def wait(self, until: Callable[[], Any], what: str, seconds: float = 120, trouble: Callable[[], str] = str) -> Any:
        """The first answer that is not empty; a server that starts or was killed does not answer for a while.

        Args:
            until: Asked again and again.
            what: What is waited for.
            seconds: How long.
            trouble: Says why it will never come; empty while it may.
        """
        end = time.monotonic() + seconds
        while True:
            try:
                if found := until():
                    return found
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                pass
            assert not (said := trouble()), f"{what} never came: {said}"
            assert time.monotonic() < end, f"{what} never came"
            time.sleep(POLL_SECONDS)

    def loaded(self) -> Any:
        """Whether the code location answers."""
        found = self.ask(
            "{ repositoriesOrError { ... on RepositoryConnection { nodes { name schedules { name cronSchedule"
            " scheduleState { status } } sensors { name sensorState { status } } } } } }"
        )
        return found["repositoriesOrError"].get("nodes")

    def launch(self, assets: Sequence[str], tags: Mapping[str, str], job: str = "daily") -> str:
        """Launch a run of some assets, or of the whole job, as the button does; its id."""
        selector: dict[str, Any] = {
            "repositoryLocationName": "refera_platform",
            "repositoryName": "__repository__",
            "pipelineName": job,
        }
        if assets:
            selector["assetSelection"] = [{"path": name.split("/")} for name in assets]
        told = [{"key": key, "value": value} for key, value in tags.items()]
        params = {
            "selector": selector,
            "mode": "default",
            "runConfigData": {},
            "executionMetadata": {"tags": told},
        }
        answer = self.ask(LAUNCH, {"params": params})["launchPipelineExecution"]
        assert answer["__typename"] == "LaunchRunSuccess", answer
        return str(answer["run"]["runId"])

    def backfill(self, assets: Sequence[str], days: Sequence[str]) -> str:
        """Launch a backfill of some days, as the page of an asset does; its id."""
        params = {
            "assetSelection": [{"path": name.split("/")} for name in assets],
            "partitionNames": list(days),
            "fromFailure": False,
        }
        answer = self.ask(BACKFILL, {"params": params})["launchPartitionBackfill"]
        assert answer["__typename"] == "LaunchBackfillSuccess", answer
        return str(answer["backfillId"])

    def runs(self) -> list[dict[str, Any]]:
        """All runs, the newest first, with their tags by name."""
        found = self.ask("{ runsOrError { ... on Runs { results { runId status tags { key value } } } } }")
        return [
            {**one, "tags": {tag["key"]: tag["value"] for tag in one["tags"]}}
            for one in found["runsOrError"]["results"]
        ]

    def status(self, run: str) -> str:
        """How a run stands."""
        (found,) = (one["status"] for one in self.runs() if one["runId"] == run)
        return str(found)

    def finished(self, run: str, seconds: float = 180) -> str:
        """How a run ended."""
        self.wait(lambda: self.status(run) in FINISHED, f"the end of run {run}", seconds)
        return self.status(run)

    def events(self, run: str) -> list[dict[str, Any]]:
        """What a run told, oldest first."""
        found = self.ask(EVENTS, {"run": run})["logsForRun"]["events"]
        return [event for event in found if event]


@contextmanager
def served(home: Path, *, seconds: float = 120) -> Iterator[tuple[Ui, subprocess.Popen[bytes]]]:
    """``refera up --ui`` on a home, until the block ends; the stack stays up."""
    port = free_port(20_000 + os.getpid() % 8_000)  # two processes of tests must not meet at one
    with (home / "ui.log").open("a") as log:
        process = subprocess.Popen(
            [str(REFERA), "up", "--ui", "--port", str(port)],
            env={**os.environ, "REFERA_HOME": str(home)},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    opened = Ui(port)
    try:
        opened.wait(opened.loaded, f"the UI (see {home / 'ui.log'})", seconds)
        yield opened, process
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a Dagster and all its children."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)  # a shell in whose background the tests run has SIGINT ignored
    try:
        process.wait(timeout=60)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise


@contextmanager
def business(home: Path, days: int = 1, scale: str = "0.3") -> Iterator[Path]:
    """A private sample business in a home; everything is gone behind the block."""
    subprocess.run(
        [str(REFERA), "simulate", "--days", str(days), "--scale", scale],
        check=True,
        env={**os.environ, "REFERA_HOME": str(home)},
        capture_output=True,
    )
    try:
        yield home
    finally:
        stack.stop_stack(home, wipe=True)
