"""Benchmark of the two AWS Lambda functions: time until they are ready, cost of a day and of a first snapshot.

    make bench-lambda               python -m benchmarks.functions --scale 100

The packages run as on Lambda: AWS's own runtime client, nothing else on the path, a read-only file system, killed at
their memory limit. "Ready" is from the start of the process until it asks for its first call: Lambda's init phase
without fetching the package. Cores are this machine's; 512 MB get a third of one on Lambda.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from refera_platform.errors import ReferaError
from refera_platform.settings.stage import Stage, load_stage
from refera_platform_tests.runners.calls import variables
from refera_platform_tests.runners.lambda_environment import Function
from refera_platform_tests.runners.lambda_service import LambdaService
from refera_platform_tests.runners.packages import packed
from refera_platform_tests.ui import business

HANDLERS = {
    "extract": "refera_platform.runners.aws_lambda.handler.handler",
    "transform": "refera_platform.runners.aws_lambda.transform.handler",
}
MEMORY = {"extract": 512, "transform": 1024}
"""Megabytes: the least that each function must work with."""


@dataclass
class Row:
    """One line of the table."""

    what: str
    seconds: float
    memory: int
    """Peak memory of the process in bytes."""
    rows: int = 0


class Bench:
    """Both functions on one business."""

    def __init__(self, service: LambdaService, packages: dict[str, Path], stage: Stage) -> None:
        self._service, self._packages, self._stage = service, packages, stage

    def deploy(self, name: str, **more: str) -> None:
        """Deploy a new version, without a warm environment."""
        self._service.add(
            Function(
                name=name,
                package=self._packages[name],
                handler=HANDLERS[name],
                timeout=900,
                memory=MEMORY[name],
                environment=variables(self._stage, **more),
            )
        )

    def call(self, name: str, what: str, event: dict[str, Any], count: Callable[[Any], int] = lambda _: 0) -> Row:
        """Time one call."""
        began = time.monotonic()
        _, headers, body = self._service.call(name, json.dumps(event).encode(), "RequestResponse")
        took = time.monotonic() - began
        if "X-Amz-Function-Error" in headers:
            raise ReferaError(f"{name} failed: {body.decode()}", "look at what it wrote.")
        environment = self._service.of(name).environments[-1]
        return Row(what, took, environment.most_memory, count(json.loads(body)))

    def ready(self, name: str) -> Row:
        """Seconds until a new environment asks for its first call."""
        environment = self._service.of(name).environments[-1]
        return Row(f"{name}: ready", environment.seconds_to_ready, environment.most_memory)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", default="20", help="size of the sample business")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        packages = {name: packed(name, folder / name) for name in HANDLERS}
        with (
            business(folder / "home", days=2, scale=chosen.scale) as home,
            LambdaService(folder / "run") as service,
        ):
            stage = load_stage({"REFERA_STAGE": "local", "REFERA_HOME": str(home)})
            stage = stage.at_instant(stage.clock.now())
            rows = _measured(Bench(service, packages, stage), stage)
    for row in rows:
        speed = f"{row.rows / row.seconds:12,.0f} rows a second" if row.rows else ""
        sys.stdout.write(f"{row.what:58}{row.seconds:7.2f} s{row.memory / 2**20:7.0f} MB{speed}\n")


def _measured(bench: Bench, stage: Stage) -> list[Row]:
    newest = stage.clock.today()
    days = [str(newest - timedelta(days=1)), str(newest)]
    event = {"database": "classicmodels", "stage": "production"}

    def read(answer: Any) -> int:
        return sum(day["rows"] for table in answer["tables"].values() for day in table["days"].values())

    bench.deploy("extract")
    first = bench.call("extract", "extract: first capture of all tables, cold", {**event, "days": days[:1]}, read)
    rows = [bench.ready("extract"), first]
    rows.append(bench.call("extract", "extract: the next day, warm", {**event, "days": days}, read))
    rows.append(bench.call("extract", "extract: the same day again, warm", {**event, "days": days[1:]}))
    bench.deploy("transform")
    rows.append(bench.call("transform", "transform: everything, cold", {"stage": "production"}))
    rows.insert(-1, bench.ready("transform"))
    rows.append(bench.call("transform", "transform: nothing has changed, warm", {"stage": "production"}))
    return rows


if __name__ == "__main__":
    main()
