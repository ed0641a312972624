"""One dbt run in this process: builds the models of a build, runs their tests and returns the result of each node.

Pins no inputs and publishes nothing: ``inputs`` and ``publish`` do, called by ``run``.
"""

import gc
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from refera_platform.disk import disk_full_error, is_disk_full_message
from refera_platform.duckdb_session.secrets import redact
from refera_platform.duckdb_session.session import duckdb_options
from refera_platform.errors import WarehouseError, error_kind
from refera_platform.settings.stage import PROJECT_FOLDER, Stage
from refera_platform.warehouse import dbt_manifest, dbt_project
from refera_platform.warehouse.build.node_result import NodeResult

BUILD_DATABASE_FILE = "warehouse.duckdb"
"""File name of the build's database. dbt parses its stem into every relation name."""


def connection_options(stage: Stage, folder: Path) -> dict[str, Any]:
    """DuckDB options of a connection to the build's database.

    The spill folder is one of them: no session may change it after the first spill. Checkpoints are off (DuckDB's WAL
    is not written back into the file), since the file is deleted after the build.
    """
    return {**duckdb_options(stage), "temp_directory": str(folder / "spill"), "checkpoint_threshold": "1TB"}


def run_dbt(
    stage: Stage, folder: Path, models_to_build: Collection[str], on_node_finished: Callable[[NodeResult], None]
) -> tuple[NodeResult, ...]:
    """Run the models of a build and their tests in its database.

    Raises:
        WarehouseError: when dbt could not run at all. A failed node is in the result instead.
        DiskFullError: when a node failed because the disk is full.
    """
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    from refera_platform.warehouse.dbt_plugin import grant_store_access

    target = folder / "target"
    target.mkdir()
    shutil.copy(dbt_project.TARGET_FOLDER / dbt_manifest.PARTIAL_PARSE_FILE, target)
    (folder / "profiles.yml").write_text(yaml.safe_dump(_profile(stage, folder)))
    manifest = dbt_manifest.parse_project(target, is_writing_json=False)
    finished_nodes: dict[str, NodeResult] = {}

    def collect_finished_node(event: Any) -> None:
        if event.info.name == "NodeFinished":
            node = _node_result_from_event(event.data)
            if node.unique_id not in finished_nodes:
                finished_nodes[node.unique_id] = node
                on_node_finished(node)

    arguments = [
        "--project-dir",
        str(PROJECT_FOLDER),
        "--profiles-dir",
        str(folder),
        "--target-path",
        str(target),
    ]
    try:
        with grant_store_access(stage.store), _garbage_collection_disabled():
            dbt_result = dbtRunner(manifest=manifest, callbacks=[collect_finished_node]).invoke(
                [
                    "build",
                    "--exclude-resource-type",
                    "unit_test",
                    "--no-write-json",
                    "--select",
                    *sorted(models_to_build),
                    *dbt_manifest.quiet_flags(folder),
                    *arguments,
                ]
            )
    finally:
        DuckDBConnectionManager.close_all_connections()
    dbt_manifest.raise_interrupt(dbt_result.exception)
    if dbt_result.exception is not None:
        reason = redact(" ".join(str(dbt_result.exception).split()).rstrip("."), [])
        raise WarehouseError(
            f"dbt could not build: {reason}; nothing was published:",
            "correct it and run again.",
            public_problem=f"dbt could not build ({error_kind(dbt_result.exception)}); nothing was published:",
        ) from dbt_result.exception
    nodes = tuple(_node_result_from_run(result) for result in dbt_result.result)
    if disk_full_message := next(
        (node.message for node in nodes if node.is_failed and is_disk_full_message(node.message)), ""
    ):
        raise disk_full_error(WarehouseError(disk_full_message), folder)
    return nodes


@contextmanager
def _garbage_collection_disabled() -> Iterator[None]:
    """Disable garbage collection inside the block: most of dbt's objects live as long as its run. A tenth faster."""
    is_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if is_enabled:
            gc.enable()


def _node_result_from_event(event_data: Any) -> NodeResult:
    info = event_data.node_info
    return NodeResult(
        unique_id=info.unique_id,
        kind=info.resource_type,
        name=info.node_name,
        status=str(event_data.run_result.status),
        seconds=event_data.run_result.execution_time,
        failures=None,
        message=event_data.run_result.message,
    )


def _node_result_from_run(result: Any) -> NodeResult:
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
    """The dbt profile of this run. It holds no credentials: ``dbt_plugin`` gives them to the connection."""
    output = {
        "type": "duckdb",
        "path": str(folder / BUILD_DATABASE_FILE),
        "schema": "main",
        "threads": 2,
        "keep_open": True,
        "config_options": connection_options(stage, folder),
        "plugins": [{"module": "refera_platform.warehouse.dbt_plugin"}],
        "settings": {"TimeZone": "UTC"},
    }
    return {"refera": {"target": "duckdb", "outputs": {"duckdb": output}}}
