"""One run of the warehouse: pin, build and test in a database of its own, and publish when all of it is green.

lake ──pin──▶ ephemeral DuckDB ──dbt build (models, tests)──▶ green? ──▶ publish ──▶ <warehouse>/…

A build of all models reads what changed since the publication before, and the months that the changes touch, when
that is enough (``increment``); the same SQL on all raw objects gives the same tables.
"""

import gc
import shutil
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import yaml

from refera_platform.disk import full, says_full
from refera_platform.duckdb_session.scratch import scratch
from refera_platform.duckdb_session.secrets import open_store, redact
from refera_platform.duckdb_session.session import configuration
from refera_platform.errors import WarehouseError, kind_of
from refera_platform.lake.lake import Lake
from refera_platform.lake.local_copies import LocalCopies
from refera_platform.lake.objects import ObjectRoot
from refera_platform.lake.preview import Preview
from refera_platform.settings.stage import Stage
from refera_platform.source.catalog import TABLES
from refera_platform.warehouse import dbt_manifest, dbt_project
from refera_platform.warehouse.build.failed_rows import keep_failures
from refera_platform.warehouse.build.increment import months_touched, reason_against, serve, serve_published
from refera_platform.warehouse.build.inputs import Inputs, pin, register, require_unchanged
from refera_platform.warehouse.build.node_result import NodeResult
from refera_platform.warehouse.build.previews import previews
from refera_platform.warehouse.catalogs.announce import announce
from refera_platform.warehouse.catalogs.lineage import Lineage
from refera_platform.warehouse.dbt_project import Project
from refera_platform.warehouse.publish.fixed_keys import listed, settle
from refera_platform.warehouse.publish.publication import NOTHING, Published, fixed_key, read
from refera_platform.warehouse.publish.publish import publish

DATABASE = "warehouse.duckdb"
"""Name of the build's database; dbt writes its stem into every relation when it parses."""


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
    reason: str
    """Why everything was built; empty when the changes since the publication before were enough."""
    months: frozenset[str] = frozenset()
    """The months that were written anew, when not all were."""
    failures: tuple[tuple[str, str], ...] = ()
    """Name of each red test whose rows were kept, and their address."""
    lineage: Lineage | None = None
    """What columns are made of, after a publication."""
    previews: Mapping[str, Preview] = field(default_factory=dict)
    """Some rows of each model that was published, when the stage shows any."""

    @property
    def red(self) -> tuple[NodeResult, ...]:
        """The nodes that failed, in the order they ran."""
        return tuple(node for node in self.nodes if node.is_red)

    def verdict(self) -> str:
        """One sentence on a red build: the first failure, and how many more there are."""
        return str(self.failure())

    def failure(self) -> WarehouseError:
        """The error that a red build is."""
        first, *others = self.red
        more = f" (and {len(others)} more)" if others else ""
        rows = f" with {first.failures} rows" if first.failures else ""
        said = " ".join(first.message.split()).rstrip(".")
        kept = dict(self.failures).get(first.name)
        look = f"; its rows are in {kept}" if kept else ""
        red, stays = (
            f"{first.kind} {first.name} is red{rows}",
            "nothing was published and the tables before stay:",
        )
        return WarehouseError(
            f"{red}: {said}{look}{more}; {stays}", "mend the data or the model and run again.",
            public=f"{red}{look}{more}; {stays}",
        )  # fmt: skip

    def url(self, model: str) -> str:
        """Where any engine reads a published model."""
        found = self.published.models[model] if self.published else None
        return f"{self.root}/{model if found and found.stored_by else fixed_key(model)}"


def build(
    stage: Stage,
    selected: Collection[str] | None = None,
    progress: Callable[[NodeResult], None] = lambda node: None,
    *,
    publishing: bool = True,
    full_refresh: bool = False,
) -> Built:
    """Build models, test them, and publish what left the build green.

    Args:
        stage: Where lake and warehouse are.
        selected: Names of models; ``None`` for all. What they read and do not build is read as published.
        progress: Told of each dbt node when it ends.
        publishing: Whether a green build is published; without, it is only an audit.
        full_refresh: Whether to read all raw objects also when the changes would be enough.

    Raises:
        WarehouseError: when the build could not be run at all; a red test is told by the answer instead.
    """
    started, run_id = time.monotonic(), uuid.uuid4().hex[:12]
    models = dbt_manifest.load()
    chosen = models.chosen(selected)
    building = models.to_build(chosen)
    lake, root = Lake(stage), ObjectRoot(stage.warehouse, stage.store)
    with scratch(stage) as folder:
        database = folder / DATABASE
        before = read(root)
        copies = LocalCopies(root, folder)
        with _opened(stage, database) as connection:
            inputs = pin(lake, connection, copies, NOTHING if full_refresh else before)
            reason = _reason(models, building, before, inputs, full_refresh=full_refresh)
            received = inputs.received(LocalCopies(lake.objects, folder / "raw"), only_new=not reason)
            register(connection, received, only_new=not reason)
            scope = None if reason else months_touched(models, before, inputs, connection, copies)
            if scope is not None:
                serve(models, before, scope, connection, copies)
            serve_published(connection, copies, before, models.to_read(building))
        nodes = _run_dbt(stage, folder, building, progress)
        published, lineage, failures = None, None, tuple[tuple[str, str], ...]()
        shown: dict[str, Preview] = {}
        red = [node for node in nodes if node.is_red]
        with _opened(stage, database) as connection:
            if red:
                failures = keep_failures(root, connection, red, run_id, folder)
                if (
                    publishing
                ):  # what is published stays, also for engines that a late copy has shown something else
                    settle(root, before, listed(root))
            elif publishing:
                require_unchanged(lake, inputs)
                published = publish(
                    root, connection, [models.models[name] for name in building if models.models[name].is_kept],
                    project=models, before=before, inputs=inputs, scope=scope, run_id=run_id, folder=folder,
                )  # fmt: skip
                sql = {node.name: node.sql for node in nodes if node.kind == "model" and node.sql}
                lineage = announce(stage, root, connection, sql, published, [folder], is_increment=not reason)
                if stage.is_previewed:
                    shown = previews(connection, models.published & set(building), lineage, TABLES)
    return Built(
        run_id=run_id, nodes=nodes, published=published, root=root.root, seconds=time.monotonic() - started,
        reason=reason, months=frozenset().union(*(scope or {}).values()), failures=failures, lineage=lineage,
        previews=shown,
    )  # fmt: skip


def _reason(
    models: Project, building: Collection[str], before: Published, inputs: Inputs, *, full_refresh: bool
) -> str:
    """Why all raw objects are read; empty when those that are new are enough."""
    if full_refresh:
        return "it was asked for"
    if set(building) != set(models.models):
        return "some models are built alone"
    return reason_against(models, before, inputs)


def _opened(stage: Stage, database: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(database, config=_options(stage, database.parent))
    connection.execute("set TimeZone = 'UTC'")
    open_store(connection, stage.store)
    return connection


def _options(stage: Stage, folder: Path) -> dict[str, Any]:
    """Options of a connection; where it spills is one of them: no session may change it after the first spill.

    Nothing is moved from the log of the file into the file meanwhile, since the file is thrown away.
    """
    return {**configuration(stage), "temp_directory": str(folder / "spill"), "checkpoint_threshold": "1TB"}


def _run_dbt(
    stage: Stage, folder: Path, building: Collection[str], progress: Callable[[NodeResult], None]
) -> tuple[NodeResult, ...]:
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
            f"dbt could not build: {said}; nothing was published:", "mend it and run again.",
            public=f"dbt could not build ({kind_of(answer.exception)}); nothing was published:",
        ) from answer.exception  # fmt: skip
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
        unique_id=info.unique_id, kind=info.resource_type, name=info.node_name, status=str(data.run_result.status),
        seconds=data.run_result.execution_time, failures=None, message=data.run_result.message,
    )  # fmt: skip


def _finished(result: Any) -> NodeResult:
    return NodeResult(
        unique_id=result.node.unique_id, kind=str(result.node.resource_type), name=result.node.name,
        status=str(result.status), seconds=result.execution_time, failures=result.failures,
        message=redact(result.message or "", []), sql=getattr(result.node, "compiled_code", "") or "",
    )  # fmt: skip


def _profile(stage: Stage, folder: Path) -> dict[str, Any]:
    """The dbt profile of this run; the login to the store is not in it (see ``plugin``)."""
    output = {
        "type": "duckdb", "path": str(folder / DATABASE), "schema": "main", "threads": 2, "keep_open": True,
        "config_options": _options(stage, folder), "plugins": [{"module": "refera_platform.warehouse.dbt_plugin"}],
        "settings": {"TimeZone": "UTC"},
    }  # fmt: skip
    return {"refera": {"target": "duckdb", "outputs": {"duckdb": output}}}
