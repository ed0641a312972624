"""Benchmark of an incremental build beside a full build: ten thousand changes on ten million order lines.

    make bench-warehouse            python -m benchmarks.warehouse --lines 10000000

Each build runs in its own process, so that its peak memory is measured alone. A relay between build and store counts
the bytes; time is measured without the relay. The physical limit is sending the affected months' objects both ways.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from benchmarks.relay import Relay
from benchmarks.warehouse_lake import BenchLake
from refera_platform.duckdb_session.scratch import scratch_folder
from refera_platform.duckdb_session.session import open_duckdb_session
from refera_platform.lake.lake import Lake
from refera_platform.lake.objects import ObjectRoot
from refera_platform.sandbox import stack
from refera_platform.settings.stage import Stage, load_stage
from refera_platform.warehouse.build.run import BuildRequest, build_warehouse
from refera_platform.warehouse.publish.manifest import fixed_key, read_publication
from refera_platform_tests.checkout import declared_tables

DAYS_TIMED = 3
"""Daily builds that are timed; the median is printed."""
DAYS_BEFORE = 10
"""Days of changes before the measured ones."""


def main() -> None:
    """Create the lake, build, let two days pass, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=10_000_000, help="order lines of history")
    parser.add_argument("--build", choices=["full", "daily", "limit"], help=argparse.SUPPRESS)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--endpoint", default="", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.build:
        _measure(_stage(chosen.home, chosen.endpoint), chosen.build)
        return
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        stack.start_stack(home)
        try:
            found = _compare(home, chosen.lines)
        finally:
            stack.stop_stack(home, wipe=True)
    _print(found, chosen.lines)


def _compare(home: Path, lines: int) -> dict[str, dict[str, float]]:
    stage = _stage(home, "")
    with scratch_folder(stage) as folder, open_duckdb_session(stage, folder) as connection:
        bench = BenchLake(Lake(stage), connection, folder, lines)
        bench.baseline()
        for _ in range(DAYS_BEFORE):
            bench.day_of_changes()
        full = _counted(home, stage, "full")
        bench.day_of_changes()
        daily = _counted(home, stage, "daily")
        days = []
        for _ in range(DAYS_TIMED):
            bench.day_of_changes()
            days.append(_apart(home, "daily", ""))
    timed = sorted(days, key=lambda day: day["seconds"])[DAYS_TIMED // 2]
    served = _content(stage)
    rebuilt = _apart(home, "full", "")
    if served != _content(stage):
        raise SystemExit("The daily build and the full rebuild do not hold the same.")
    limit = _apart(home, "limit", "")
    return {
        "full rebuild": rebuilt | {key: full[key] for key in ("read", "written")},
        "daily build": timed | {key: daily[key] for key in ("read", "written")},
        "physical limit": limit,
    }


def _stage(home: Path, endpoint: str) -> Stage:
    stage = load_stage({"REFERA_STAGE": "test", "REFERA_HOME": str(home)})
    return replace(stage, store=replace(stage.store, endpoint=endpoint)) if endpoint else stage


def _content(stage: Stage) -> dict[str, str]:
    found = read_publication(ObjectRoot(stage.warehouse, stage.store))
    tables = {**found.models, **found.state}
    return {f"{name} {item.month}": item.sha256 for name, model in tables.items() for item in model.objects}


def _counted(home: Path, stage: Stage, what: str) -> dict[str, float]:
    with Relay(stage.store.endpoint) as relay:
        found = _apart(home, what, relay.endpoint)
        return found | {"read": relay.answered, "written": relay.asked}


def _apart(home: Path, what: str, endpoint: str) -> dict[str, float]:
    """Measure one build in its own process."""
    command = [sys.executable, "-m", "benchmarks.warehouse", "--build", what, "--home", str(home)]
    done = subprocess.run([*command, "--endpoint", endpoint], check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _measure(stage: Stage, what: str) -> None:
    started = time.monotonic()
    if what == "limit":
        months = _to_and_fro(stage)
    else:
        built = build_warehouse(stage, declared_tables(), BuildRequest(full_refresh=what == "full"))
        if built.published is None or bool(built.full_build_reason) != (what == "full"):
            raise SystemExit(f"{what}: {built.full_build_reason or str(built.to_error())}")
        months = len(built.rebuilt_months)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    sys.stdout.write(json.dumps({"seconds": time.monotonic() - started, "peak": peak, "months": months}) + "\n")


def _to_and_fro(stage: Stage) -> int:
    """Fetch the objects of three months of the facts, as engines read them, and send them back."""
    root = ObjectRoot(stage.warehouse, stage.store)
    published = read_publication(root)
    for name in ("fct_order_lines", "fct_orders", "fct_payments"):
        model = published.models[name]
        for item in model.objects[-3:]:
            content = root.read(fixed_key(name, item.month, model.stored_by))
            if content:
                root.write(f"_limit/{name}-{item.month}", content[0])
    return 3


def _print(found: dict[str, dict[str, float]], lines: int) -> None:
    whole = found["full rebuild"]
    say = sys.stdout.write
    say(f"{lines:,} order lines of ten years, about 10,000 changed rows a day\n")
    say(
        f"{'':16}{'seconds':>9}{'MB read':>10}{'MB written':>12}{'peak MB':>9}{'months':>8}"
        f"{'bytes %':>9}{'time %':>8}\n"
    )
    for name, one in found.items():
        moved = one.get("read", 0) + one.get("written", 0)
        share = 100 * moved / (whole["read"] + whole["written"])
        took = 100 * one["seconds"] / whole["seconds"]
        say(
            f"{name:16}{one['seconds']:9.1f}{one.get('read', 0) / 1e6:10.1f}{one.get('written', 0) / 1e6:12.1f}"
            f"{one['peak'] / 1e6:9.0f}{one['months']:8.0f}{share:9.1f}{took:8.1f}\n"
        )


if __name__ == "__main__":
    main()
