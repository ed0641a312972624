"""Code server for compose: fails the orphaned runs of the earlier container, then starts Dagster's gRPC server.

Runs of the default launcher are children of this server, and Dagster cannot ask whether they still live. After a
killed container they would stay "started" and hold their pool slots. The recovery sensor then runs them again.

    python -m refera_platform.orchestration.code_server --host 0.0.0.0 --port 4000     (options of `dagster api grpc`)
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import dagster as dg

from refera_platform.orchestration.run_history.run_process import fail_orphaned_runs
from refera_platform.settings.stage import home_folder

MODULE, LOCATION = "refera_platform.definitions", "refera_platform"


def main(options: Sequence[str]) -> None:
    """Fail the orphaned runs, then replace this process by Dagster's gRPC server, so that signals reach it directly."""
    with dg.DagsterInstance.get() as instance:
        fail_orphaned_runs(instance, home_folder())
    dagster = str(Path(sys.executable).with_name("dagster"))
    os.execv(  # noqa: S606 - our own argv
        dagster, [dagster, "api", "grpc", "--module-name", MODULE, "--location-name", LOCATION, *options]
    )


if __name__ == "__main__":
    main(sys.argv[1:])
