"""Publisher of catalogs: dbt's documentation and column lineage beside the tables, and the AWS Glue Data Catalog.

Publishes no table: ``publish.publish`` does. ``dbt_docs`` and ``glue`` write; this module decides what is due.

build + Publication ──publish_catalogs()──▶ <warehouse>/docs/…, and tables in Glue when the stage names a database
"""

import json
from collections.abc import Mapping
from typing import Any

import duckdb

from refera_platform.lake.objects import ObjectRoot
from refera_platform.settings.stage import CHECKOUT_FOLDER
from refera_platform.warehouse.build.context import BuildContext
from refera_platform.warehouse.catalogs.dbt_docs import LINEAGE_KEY, BuiltModels, publish_docs
from refera_platform.warehouse.catalogs.glue import register_glue_tables
from refera_platform.warehouse.catalogs.glue_tables import CatalogTable
from refera_platform.warehouse.catalogs.lineage import Lineage, read_relation_columns, trace_lineage
from refera_platform.warehouse.dbt_project import MANIFEST_FILE, project_hash
from refera_platform.warehouse.publish.manifest import Publication

DOCUMENTED_PROJECT_KEY = "docs/project.sha256"
"""Key with the hash of the dbt project that the documents describe; written after them."""


def publish_catalogs(
    context: BuildContext,
    connection: duckdb.DuckDBPyConnection,
    sql: Mapping[str, str],
    published: Publication,
    *,
    is_increment: bool,
) -> Lineage:
    """Document what was just published, and register it in Glue when the stage names a Glue database.

    An incremental build has the same models as the previous publication, so its documents stay valid while no
    description changed.

    Args:
        context: The build, whose stage names the Glue database.
        connection: Session on the database that was built.
        sql: Compiled SQL of the models that were built.
        published: The present publication.
        is_increment: Whether the build was incremental.

    Returns:
        Column lineage of every model.

    Raises:
        WarehouseError: when Glue refuses; the tables stay published.
    """
    stage, root = context.stage, context.root
    manifest: dict[str, Any] = json.loads(MANIFEST_FILE.read_text())
    documented_hash, current_hash = root.read(DOCUMENTED_PROJECT_KEY), project_hash()
    stored_lineage = (
        root.read(LINEAGE_KEY)
        if is_increment and documented_hash and documented_hash[0].decode() == current_hash
        else None
    )
    if stored_lineage:
        lineage = Lineage.from_json(stored_lineage[0])
    else:
        columns = read_relation_columns(connection)
        built = BuiltModels(sql=sql, columns=columns, lineage=trace_lineage(sql, columns))
        private_folders = [CHECKOUT_FOLDER, stage.home, context.folder]
        lineage = publish_docs(root, manifest, built, private_folders=private_folders)
        root.write(DOCUMENTED_PROJECT_KEY, current_hash.encode(), content_type="text/plain")
    if stage.glue_database:
        register_glue_tables(stage.store, stage.glue_database, root.root, catalog_tables(root, manifest, published))
    return lineage


def catalog_tables(root: ObjectRoot, manifest: Mapping[str, Any], published: Publication) -> list[CatalogTable]:
    """The published tables, described for a catalog."""
    model_nodes = {node["name"]: node for node in manifest["nodes"].values() if node["resource_type"] == "model"}
    return [
        CatalogTable(
            name=name,
            columns=model.columns,
            location=f"{root.root}/{name}",
            partition_column=model.stored_by or None,
            partitions=[item.month for item in model.objects] if model.stored_by else [],
            description=model_nodes[name]["description"],
            column_comments={
                column: column_node["description"] for column, column_node in model_nodes[name]["columns"].items()
            },
        )
        for name, model in published.models.items()
    ]
