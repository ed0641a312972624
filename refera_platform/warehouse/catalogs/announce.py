"""Telling the world of a publication: dbt's documentation and the lineage beside the tables, and the Glue catalogue.

build's database + Published ──announce()──▶ <warehouse>/docs/…, and tables in Glue when the stage names a database
"""

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import duckdb

from refera_platform.lake.objects import ObjectRoot
from refera_platform.settings.stage import CHECKOUT_FOLDER, Stage
from refera_platform.warehouse.catalogs.dbt_docs import LINEAGE_KEY, trace_and_publish_docs
from refera_platform.warehouse.catalogs.glue import register_glue_tables
from refera_platform.warehouse.catalogs.glue_tables import CatalogTable
from refera_platform.warehouse.catalogs.lineage import Lineage
from refera_platform.warehouse.dbt_project import MANIFEST_FILE, project_hash
from refera_platform.warehouse.publish.publication import Publication

DOCUMENTED_PROJECT_KEY = "docs/project.sha256"
"""Hash of the project that the documents tell of; written after them."""


def publish_catalogs(
    stage: Stage,
    root: ObjectRoot,
    connection: duckdb.DuckDBPyConnection,
    sql: Mapping[str, str],
    published: Publication,
    private_folders: Collection[Path],
    *,
    is_increment: bool,
) -> Lineage:
    """Document what was just published, and register it where the stage says.

    A build that goes on from the publication before has the models of then, so what was said of them holds while
    no description changed.

    Args:
        stage: Where.
        root: The warehouse.
        connection: Session on the database that was built.
        sql: Compiled SQL of the models that were built.
        published: What is served now.
        private_folders: Folders of this machine, beside the usual ones, that no document may name.
        is_increment: Whether the build went on from the publication before.

    Returns:
        What every column of every model is made of.

    Raises:
        WarehouseError: when Glue refuses; the tables are published all the same.
    """
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
        # no counts of rows: the manifest has them, and the page of megabytes would be another one every day
        lineage = trace_and_publish_docs(
            root, connection, manifest, sql, rows={}, private_folders=[CHECKOUT_FOLDER, stage.home, *private_folders]
        )
        root.write(DOCUMENTED_PROJECT_KEY, current_hash.encode(), content_type="text/plain")
    if stage.glue_database:
        register_glue_tables(stage.store, stage.glue_database, root.root, catalog_tables(root, manifest, published))
    return lineage


def catalog_tables(root: ObjectRoot, manifest: Mapping[str, Any], published: Publication) -> list[CatalogTable]:
    """The published tables as a catalogue describes them."""
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
