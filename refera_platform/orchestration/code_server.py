"""The code location as compose starts it: a server that first sees to the runs of the container before it.

Runs of the default launcher are children of this server, and Dagster has no way to ask whether they live: after a
killed container they would stay "started" and hold their pools. The sensor of recovery then runs them again.

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
    """Bury the dead runs of this host, then become Dagster's gRPC server, which signals reach directly."""
    with dg.DagsterInstance.get() as instance:
        fail_orphaned_runs(instance, home_folder())
    dagster = str(Path(sys.executable).with_name("dagster"))
    os.execv(  # noqa: S606 - our own argv
        dagster, [dagster, "api", "grpc", "--module-name", MODULE, "--location-name", LOCATION, *options]
    )


if __name__ == "__main__":
    main(sys.argv[1:])
