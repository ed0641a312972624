"""One build of the warehouse: pins its inputs, builds and tests in a database of its own, and publishes when green.

lake ──pin──▶ ephemeral DuckDB ──dbt build (models, tests)──▶ green? ──▶ publish ──▶ <warehouse>/…

A build of all models is incremental where possible (``increment``): it reads the changes since the previous
publication and rebuilds the months that they affect. The same SQL on all raw objects gives the same tables.
"""

import time
import uuid
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import duckdb

from refera_platform.duckdb_session.scratch import scratch_folder
from refera_platform.duckdb_session.secrets import create_store_secret
from refera_platform.lake.lake import Lake
from refera_platform.lake.local_copies import LocalCopies
from refera_platform.lake.objects import ObjectRoot
from refera_platform.lake.preview import Preview
from refera_platform.settings.stage import Stage
from refera_platform.source.table import SourceTable
from refera_platform.warehouse import dbt_manifest
from refera_platform.warehouse.build.context import BuildContext
from refera_platform.warehouse.build.dbt_run import BUILD_DATABASE_FILE, connection_options, run_dbt
from refera_platform.warehouse.build.failed_rows import store_failed_rows
from refera_platform.warehouse.build.incremental import (
    affected_months,
    create_previous_publication_views,
    create_published_model_views,
    full_build_reason,
)
from refera_platform.warehouse.build.inputs import BuildInputs, pin_inputs, register_inputs, require_unchanged_inputs
from refera_platform.warehouse.build.node_result import NodeResult
from refera_platform.warehouse.build.previews import preview_models
from refera_platform.warehouse.build.result import BuildResult
from refera_platform.warehouse.catalogs.publish_catalogs import publish_catalogs
from refera_platform.warehouse.publish.fixed_keys import list_objects_by_key, sync_fixed_keys
from refera_platform.warehouse.publish.manifest import NO_PUBLICATION, read_publication
from refera_platform.warehouse.publish.publish import publish_build


@dataclass(frozen=True, kw_only=True)
class BuildRequest:
    """What a build is asked for."""

    selected: Collection[str] | None = None
    """Names of models; ``None`` for all. Models that they read and that are not built are read as published."""
    is_publishing: bool = True
    """Whether a green build is published; without, the build is only an audit."""
    full_refresh: bool = False
    """Whether to read all raw objects even when the changes would be enough."""


EVERYTHING = BuildRequest()
"""All models, published when green."""


def build_warehouse(
    stage: Stage,
    tables: Sequence[SourceTable],
    request: BuildRequest = EVERYTHING,
    on_node_finished: Callable[[NodeResult], None] = lambda node: None,
) -> BuildResult:
    """Build models, test them, and publish them when all tests are green.

    Args:
        stage: Stage, with the lake and the warehouse.
        tables: Every declared table.
        request: Which models, and how.
        on_node_finished: Called with the result of each dbt node.

    Raises:
        WarehouseError: when the build could not run at all. A failed test is in the result instead.
    """
    started, root = time.monotonic(), ObjectRoot(stage.warehouse, stage.store)
    project = dbt_manifest.load_dbt_project()
    models_to_build = project.models_to_build(project.select_models(request.selected))
    lake = Lake(stage)
    with scratch_folder(stage) as folder:
        context = BuildContext(
            stage=stage,
            root=root,
            tables=tables,
            project=project,
            models_to_build=models_to_build,
            previous=read_publication(root),
            run_id=uuid.uuid4().hex[:12],
            folder=folder,
            full_refresh=request.full_refresh,
        )
        with _open_build_database(context) as connection:
            known_publication = NO_PUBLICATION if request.full_refresh else context.previous
            inputs = pin_inputs(lake, tables, connection, context.copies, known_publication)
            full_reason = _why_full_build(context, inputs)
            local_inputs = inputs.with_local_copies(LocalCopies(lake.objects, folder / "raw"), only_new=not full_reason)
            register_inputs(connection, local_inputs, only_new=not full_reason)
            scope = None if full_reason else affected_months(context, inputs, connection)
            if scope is not None:
                create_previous_publication_views(context, scope, connection)
            create_published_model_views(context, connection)
        nodes = run_dbt(stage, folder, models_to_build, on_node_finished)
        published, lineage, failed_rows = None, None, tuple[tuple[str, str], ...]()
        model_previews: dict[str, Preview] = {}
        failed_nodes = [node for node in nodes if node.is_failed]
        with _open_build_database(context) as connection:
            if failed_nodes:
                failed_rows = store_failed_rows(context, connection, failed_nodes)
                if request.is_publishing:  # repair the fixed keys: a late copy of another run may have overwritten some
                    sync_fixed_keys(root, context.previous, list_objects_by_key(root))
            elif request.is_publishing:
                require_unchanged_inputs(lake, inputs)
                published = publish_build(context, connection, inputs, scope)
                sql = {node.name: node.sql for node in nodes if node.kind == "model" and node.sql}
                lineage = publish_catalogs(context, connection, sql, published, is_increment=not full_reason)
                if stage.is_previewed:
                    model_previews = preview_models(connection, project.published & models_to_build, lineage, tables)
    return BuildResult(
        run_id=context.run_id,
        nodes=nodes,
        published=published,
        root=root.root,
        seconds=time.monotonic() - started,
        full_build_reason=full_reason,
        rebuilt_months=frozenset().union(*(scope or {}).values()),
        failed_rows=failed_rows,
        lineage=lineage,
        previews=model_previews,
    )


def _why_full_build(context: BuildContext, inputs: BuildInputs) -> str:
    """Why it is a full build; empty when the new raw objects are enough."""
    if context.full_refresh:
        return "it was asked for"
    if context.models_to_build != context.project.models.keys():
        return "only some models are built"
    return full_build_reason(context, inputs)


def _open_build_database(context: BuildContext) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(
        context.folder / BUILD_DATABASE_FILE, config=connection_options(context.stage, context.folder)
    )
    connection.execute("set TimeZone = 'UTC'")
    create_store_secret(connection, context.stage.store)
    return connection
