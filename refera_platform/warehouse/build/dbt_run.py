"""One run of dbt in this process: the models and tests of a build, each node's result as it ends.

Pins nothing and publishes nothing: ``run`` does.
"""

import gc
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from refera_platform.disk import full, says_full
from refera_platform.duckdb_session.secrets import redact
from refera_platform.duckdb_session.session import configuration
from refera_platform.errors import WarehouseError, kind_of
from refera_platform.settings.stage import Stage
from refera_platform.warehouse import dbt_manifest, dbt_project
from refera_platform.warehouse.build.node_result import NodeResult

DATABASE = "warehouse.duckdb"
"""Name of the build's database; dbt writes its stem into every relation when it parses."""


def connection_options(stage: Stage, folder: Path) -> dict[str, Any]:
    """Options of a connection; where it spills is one of them: no session may change it after the first spill.

    Nothing is moved from the log of the file into the file meanwhile, since the file is thrown away.
    """
    return {**configuration(stage), "temp_directory": str(folder / "spill"), "checkpoint_threshold": "1TB"}


def run_dbt(
    stage: Stage, folder: Path, building: Collection[str], progress: Callable[[NodeResult], None]
) -> tuple[NodeResult, ...]:
    """Run the models of a build and their tests in its database.

    Raises:
        WarehouseError: when dbt could not run at all; a red node is told by its result.
        DiskFullError: when a node failed because the disk is full.
    """
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    from refera_platform.warehouse.dbt_plugin import serving

    target = folder / "target"
    target.mkdir()
    shutil.copy(dbt_project.TARGET / dbt_manifest.PARTIAL_PARSE, target)
    (folder / "profiles.yml").write_text(yaml.safe_dump(_profile(stage, folder)))
    parsed = dbt_manifest.parse(target, writing=False)
    done: dict[str, NodeResult] = {}

    def heard(event: Any) -> None:
        if event.info.name == "NodeFinished":
            node = _heard(event.data)
            if node.unique_id not in done:
                done[node.unique_id] = node
                progress(node)

    arguments = [
        "--project-dir",
        str(dbt_project.FOLDER),
        "--profiles-dir",
        str(folder),
        "--target-path",
        str(target),
    ]
    try:
        with serving(stage.store), _without_collecting():
            answer = dbtRunner(manifest=parsed, callbacks=[heard]).invoke(
                [
                    "build",
                    "--exclude-resource-type",
                    "unit_test",
                    "--no-write-json",
                    "--select",
                    *sorted(building),
                    *dbt_manifest.quiet(folder),
                    *arguments,
                ]
            )
    finally:
        DuckDBConnectionManager.close_all_connections()
    dbt_manifest.raise_interrupt(answer.exception)
    if answer.exception is not None:
        said = redact(" ".join(str(answer.exception).split()).rstrip("."), [])
        raise WarehouseError(
            f"dbt could not build: {said}; nothing was published:",
            "mend it and run again.",
            public=f"dbt could not build ({kind_of(answer.exception)}); nothing was published:",
        ) from answer.exception
    nodes = tuple(_finished(result) for result in answer.result)
    if no_room := next((node.message for node in nodes if node.is_red and says_full(node.message)), ""):
        raise full(WarehouseError(no_room), folder)
    return nodes


@contextmanager
def _without_collecting() -> Iterator[None]:
    """No hunt for garbage meanwhile: most of what dbt makes lives as long as its run; a tenth faster."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _heard(data: Any) -> NodeResult:
    info = data.node_info
    return NodeResult(
        unique_id=info.unique_id,
        kind=info.resource_type,
        name=info.node_name,
        status=str(data.run_result.status),
        seconds=data.run_result.execution_time,
        failures=None,
        message=data.run_result.message,
    )


def _finished(result: Any) -> NodeResult:
    return NodeResult(
        unique_id=result.node.unique_id,
        kind=str(result.node.resource_type),
        name=result.node.name,
        status=str(result.status),
        seconds=result.execution_time,
        failures=result.failures,
        message=redact(result.message or "", []),
        sql=getattr(result.node, "compiled_code", "") or "",
    )


def _profile(stage: Stage, folder: Path) -> dict[str, Any]:
    """The dbt profile of this run; the login to the store is not in it (see ``plugin``)."""
    output = {
        "type": "duckdb",
        "path": str(folder / DATABASE),
        "schema": "main",
        "threads": 2,
        "keep_open": True,
        "config_options": connection_options(stage, folder),
        "plugins": [{"module": "refera_platform.warehouse.dbt_plugin"}],
        "settings": {"TimeZone": "UTC"},
    }
    return {"refera": {"target": "duckdb", "outputs": {"duckdb": output}}}
