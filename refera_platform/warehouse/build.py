"""One run of the warehouse: pin, build and test in a database of its own, and publish when all of it is green.

lake ──pin──▶ ephemeral DuckDB ──dbt build (models, tests)──▶ green? ──▶ publish ──▶ <warehouse>/…
"""

import shutil
import time
import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import yaml

from refera_platform.engine import configuration, literal, open_store, redact, scratch
from refera_platform.errors import WarehouseError
from refera_platform.lake.lake import Lake, listed, run
from refera_platform.lake.objects import ObjectRoot
from refera_platform.stage import Stage
from refera_platform.warehouse import manifest, project
from refera_platform.warehouse.inputs import pin, register, require_unchanged
from refera_platform.warehouse.publish import publish
from refera_platform.warehouse.published import Published, fixed_key, object_key, read

DATABASE = "warehouse.duckdb"
"""Name of the build's database; dbt writes its stem into every relation when it parses."""
RED = frozenset({"error", "fail", "runtime error", "partial success"})


@dataclass(frozen=True, kw_only=True)
class NodeResult:
    """What became of one dbt node."""

    unique_id: str
    kind: str
    """``model``, ``test`` or ``unit_test``."""
    name: str
    status: str
    """dbt's word: ``success``, ``pass``, ``warn``, ``fail``, ``error``, ``skipped``."""
    seconds: float
    failures: int | None
    """Rows that a test found wrong."""
    message: str

    @property
    def is_red(self) -> bool:
        """Whether it keeps the build from being published."""
        return self.status in RED


@dataclass(frozen=True, kw_only=True)
class Built:
    """One run of the warehouse, published or not."""

    run_id: str
    nodes: tuple[NodeResult, ...]
    published: Published | None
    """What is served now; ``None`` when the audit was red and yesterday's tables stay."""
    root: str
    """Root of the warehouse."""
    seconds: float

    @property
    def red(self) -> tuple[NodeResult, ...]:
        """The nodes that failed, in the order they ran."""
        return tuple(node for node in self.nodes if node.is_red)

    def verdict(self) -> str:
        """One sentence on a red build: the first failure, and how many more there are."""
        first, *others = self.red
        more = f" (and {len(others)} more)" if others else ""
        rows = f" with {first.failures} rows" if first.failures else ""
        said = " ".join(first.message.split()).rstrip(".")
        return (
            f"{first.kind} {first.name} is red{rows}: {said}{more}; nothing was published and the tables before stay:"
            " mend the data or the model and run again."
        )

    def url(self, model: str) -> str:
        """Where any engine reads a published model."""
        return f"{self.root}/{fixed_key(model)}"


def build(
    stage: Stage,
    selected: Collection[str] | None = None,
    progress: Callable[[NodeResult], None] = lambda node: None,
    *,
    publishing: bool = True,
) -> Built:
    """Build models, test them, and publish what left the build green.

    Args:
        stage: Where lake and warehouse are.
        selected: Names of models; ``None`` for all. What they read and do not build is read as published.
        progress: Told of each dbt node when it ends.
        publishing: Whether a green build is published; without, it is only an audit.

    Raises:
        WarehouseError: when the build could not be run at all; a red test is told by the answer instead.
    """
    started, run_id = time.monotonic(), uuid.uuid4().hex[:12]
    models = manifest.load()
    chosen = models.chosen(selected)
    building = models.to_build(chosen)
    lake, root = Lake(stage), ObjectRoot(stage.warehouse, stage.store)
    with scratch(stage) as folder:
        database = folder / DATABASE
        with _opened(stage, database) as connection:
            inputs = pin(lake, connection)
            register(connection, inputs)
            _serve_published(connection, root, models.to_read(building))
        nodes = _run_dbt(stage, folder, building, progress)
        published = None
        if publishing and not any(node.is_red for node in nodes):
            require_unchanged(lake, inputs)
            with _opened(stage, database) as connection:
                published = publish(
                    root, connection, {name for name in building if models.models[name].is_published},
                    everything={name for name, model in models.models.items() if model.is_published},
                    inputs=inputs, run_id=run_id, folder=folder,
                )  # fmt: skip
    return Built(
        run_id=run_id, nodes=nodes, published=published, root=root.root, seconds=time.monotonic() - started
    )


def _opened(stage: Stage, database: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(database, config=configuration(stage))
    connection.execute("set TimeZone = 'UTC'")
    connection.execute(f"set temp_directory = {literal(str(database.parent / 'spill'))}")
    open_store(connection, stage.store)
    return connection


def _serve_published(connection: duckdb.DuckDBPyConnection, root: ObjectRoot, names: Collection[str]) -> None:
    """Views of published tables that the build reads but does not build."""
    if not names:
        return
    published = read(root)
    if missing := sorted(set(names) - set(published.models)):
        raise WarehouseError(
            f"{', '.join(missing)} is read by this build and not published yet:",
            "build everything once: `refera run`.",
        )
    for name in names:
        address = root.url(object_key(name, published.models[name].sha256))
        run(connection, f"create view main.{name} as select * from read_parquet({listed([address])})")


def _run_dbt(
    stage: Stage, folder: Path, building: Collection[str], progress: Callable[[NodeResult], None]
) -> tuple[NodeResult, ...]:
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    from refera_platform.warehouse.plugin import serving

    target = folder / "target"
    target.mkdir()
    shutil.copy(project.TARGET / manifest.PARTIAL_PARSE, target)
    (folder / "profiles.yml").write_text(yaml.safe_dump(_profile(stage, folder)))
    parsed = manifest.parse(target, writing=False)
    done: dict[str, NodeResult] = {}

    def heard(event: Any) -> None:
        if event.info.name == "NodeFinished":
            node = _heard(event.data)
            if node.unique_id not in done:
                done[node.unique_id] = node
                progress(node)

    arguments = [
        "--project-dir",
        str(project.FOLDER),
        "--profiles-dir",
        str(folder),
        "--target-path",
        str(target),
    ]
    try:
        with serving(stage.store):
            answer = dbtRunner(manifest=parsed, callbacks=[heard]).invoke(
                [
                    "build",
                    "--exclude-resource-type",
                    "unit_test",
                    "--no-write-json",
                    "--select",
                    *sorted(building),
                    *manifest.quiet(folder),
                    *arguments,
                ]
            )
    finally:
        DuckDBConnectionManager.close_all_connections()
    if answer.exception is not None:
        said = redact(" ".join(str(answer.exception).split()).rstrip("."), [])
        raise WarehouseError(f"dbt could not build: {said}; nothing was published:", "mend it and run again.")
    return tuple(_finished(result) for result in answer.result)


def _heard(data: Any) -> NodeResult:
    info = data.node_info
    return NodeResult(
        unique_id=info.unique_id, kind=info.resource_type, name=info.node_name, status=str(data.run_result.status),
        seconds=data.run_result.execution_time, failures=None, message=data.run_result.message,
    )  # fmt: skip


def _finished(result: Any) -> NodeResult:
    return NodeResult(
        unique_id=result.node.unique_id, kind=str(result.node.resource_type), name=result.node.name,
        status=str(result.status), seconds=result.execution_time, failures=result.failures,
        message=redact(result.message or "", []),
    )  # fmt: skip


def _profile(stage: Stage, folder: Path) -> dict[str, Any]:
    """The dbt profile of this run; the login to the store is not in it (see ``plugin``)."""
    output = {
        "type": "duckdb", "path": str(folder / DATABASE), "schema": "main", "threads": 2, "keep_open": True,
        "config_options": configuration(stage), "plugins": [{"module": "refera_platform.warehouse.plugin"}],
        "settings": {"TimeZone": "UTC", "temp_directory": str(folder / "spill")},
    }  # fmt: skip
    return {"refera": {"target": "duckdb", "outputs": {"duckdb": output}}}
