"""Benchmark of the waiting time around the work itself: loading the code location, launching runs, dbt's overhead.

    make bench-latency              python -m benchmarks.latency --scale 1

Every figure is wall time of real processes: Dagster's web server, daemon and code server on a private business. Plain
dbt is the same build (parse, 42 models, their tests) in its own process, without Dagster, publishing or events.
"""

import argparse
import json
import socket
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from refera_platform.cli.ui import free_port
from refera_platform.errors import LocalStackError
from refera_platform.settings.stage import child_environment
from refera_platform_tests.ui import REFERA, Ui, business, served

PLAIN_DBT = """
import sys, time
from refera_platform.project.load import load_project
from refera_platform.settings.stage import load_stage
from refera_platform.warehouse.build import run as build
run, spent = build.run_dbt, []
def timed(*given):
    began = time.monotonic()
    try:
        return run(*given)
    finally:
        spent.append(time.monotonic() - began)
build.run_dbt = timed
stage, audit = load_stage(), build.BuildRequest(is_publishing=False, full_refresh=True)
assert not build.build_warehouse(stage, load_project(stage.project_folder).tables, audit).failed_nodes
print(spent[0])
"""


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", default="1", help="size of the sample business")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as place, business(Path(place), days=2, scale=chosen.scale) as home:
        rows = [("code location, process start until it answers", _location(home), 6.0)]
        day = str(datetime.now(UTC).date() - timedelta(days=1))
        with served(home) as (ui, _):
            for what, assets in (
                ("Materialize on one raw table", ["raw/classicmodels/orders"]),
                ("the same again", ["raw/classicmodels/orders"]),
            ):
                began, green = _timed(ui, assets, {"dagster/partition": day})
                rows += [
                    (f"{what}: until work starts", began["raw_classicmodels"], 6.0),
                    (f"{what}: green", green, None),
                ]
            began, whole = _timed(ui, [], {"dagster/partition": day})
            rows.append(("whole daily job, first build, from launch", whole, 20.0))
            step = began["answers__report"] - began["warehouse"]
            plain = _plain_dbt(home)
            rows += [
                ("  its dbt step", step, None),
                ("  plain dbt, by itself", plain, None),
                ("  added to it", step - plain, 3.0),
            ]
            rows.append(("whole daily job, next", _timed(ui, [], {"dagster/partition": day})[1], 20.0))
            rows.append(("one answer", _timed(ui, ["answers/ans_sales_by_month"], {})[1], None))
    for what, seconds, goal in rows:
        sys.stdout.write(f"{what:52}{seconds:8.1f} s{f'   goal {goal:.0f} s' if goal else ''}\n")


def _location(home: Path) -> float:
    """Start the code server as Dagster does; it listens once it has loaded the location."""
    started, port = time.monotonic(), free_port(28911)
    command = [
        str(REFERA.parent / "dagster"),
        "api",
        "grpc",
        "-m",
        "refera_platform.definitions",
        "-p",
        str(port),
    ]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, env=child_environment(REFERA_HOME=str(home)), **quiet) as server:  # noqa: S603 - our own argv
        while server.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    took = time.monotonic() - started
                    server.terminate()
                    return took
            time.sleep(0.05)
    raise LocalStackError("The code server ended before it answered:", f"run {' '.join(command)}")


def _timed(ui: Ui, assets: list[str], tags: dict[str, str]) -> tuple[dict[str, float], float]:
    """Seconds from the launch to the start of each step, and to the end."""
    launched = datetime.now(UTC).timestamp()
    run = ui.launch(assets, tags)
    status = ui.finished(run)
    took = datetime.now(UTC).timestamp() - launched
    if status != "SUCCESS":
        raise LocalStackError(f"Run {run} ended as {status}:", json.dumps(ui.events(run)[-5:]))
    steps = {
        event["stepKey"]: float(event["timestamp"]) / 1000 - launched
        for event in ui.events(run)
        if event["eventType"] == "STEP_START"
    }
    return steps, took


def _plain_dbt(home: Path) -> float:
    answer = subprocess.run(  # noqa: S603 - our own argv
        [sys.executable, "-c", PLAIN_DBT],
        env=child_environment(REFERA_HOME=str(home)),
        check=True,
        capture_output=True,
    )
    return float(answer.stdout.split()[-1])


if __name__ == "__main__":
    main()
