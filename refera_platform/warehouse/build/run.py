"""One run of the warehouse: pin, build and test in a database of its own, and publish when all of it is green.

lake ──pin──▶ ephemeral DuckDB ──dbt build (models, tests)──▶ green? ──▶ publish ──▶ <warehouse>/…

A build of all models reads what changed since the publication before, and the months that the changes touch, when
that is enough (``increment``); the same SQL on all raw objects gives the same tables.
"""

import time
import uuid
from collections.abc import Callable, Collection
from pathlib import Path

import duckdb

from refera_platform.duckdb_session.scratch import scratch
from refera_platform.duckdb_session.secrets import open_store
from refera_platform.lake.lake import Lake
from refera_platform.lake.local_copies import LocalCopies
from refera_platform.lake.objects import ObjectRoot
from refera_platform.lake.preview import Preview
from refera_platform.settings.stage import Stage
from refera_platform.source.catalog import TABLES
from refera_platform.warehouse import dbt_manifest
from refera_platform.warehouse.build.dbt_run import DATABASE, connection_options, run_dbt
from refera_platform.warehouse.build.failed_rows import keep_failures
from refera_platform.warehouse.build.increment import months_touched, reason_against, serve, serve_published
from refera_platform.warehouse.build.inputs import Inputs, pin, register, require_unchanged
from refera_platform.warehouse.build.node_result import NodeResult
from refera_platform.warehouse.build.previews import previews
from refera_platform.warehouse.build.result import Built
from refera_platform.warehouse.catalogs.announce import announce
from refera_platform.warehouse.dbt_project import Project
from refera_platform.warehouse.publish.fixed_keys import listed, settle
from refera_platform.warehouse.publish.publication import NOTHING, Published, read
from refera_platform.warehouse.publish.publish import publish


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
        nodes = run_dbt(stage, folder, building, progress)
        published, lineage, failures = None, None, tuple[tuple[str, str], ...]()
        shown: dict[str, Preview] = {}
        red = [node for node in nodes if node.is_red]
        with _opened(stage, database) as connection:
            if red:
                failures = keep_failures(root, connection, red, run_id, folder)
                if publishing:  # what is published stays, also for engines that a late copy has shown something else
                    settle(root, before, listed(root))
            elif publishing:
                require_unchanged(lake, inputs)
                published = publish(
                    root,
                    connection,
                    [models.models[name] for name in building if models.models[name].is_kept],
                    project=models,
                    before=before,
                    inputs=inputs,
                    scope=scope,
                    run_id=run_id,
                    folder=folder,
                )
                sql = {node.name: node.sql for node in nodes if node.kind == "model" and node.sql}
                lineage = announce(stage, root, connection, sql, published, [folder], is_increment=not reason)
                if stage.is_previewed:
                    shown = previews(connection, models.published & set(building), lineage, TABLES)
    return Built(
        run_id=run_id,
        nodes=nodes,
        published=published,
        root=root.root,
        seconds=time.monotonic() - started,
        reason=reason,
        months=frozenset().union(*(scope or {}).values()),
        failures=failures,
        lineage=lineage,
        previews=shown,
    )


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
    connection = duckdb.connect(database, config=connection_options(stage, database.parent))
    connection.execute("set TimeZone = 'UTC'")
    open_store(connection, stage.store)
    return connection
