"""Telling the world of a publication: dbt's documentation and the lineage beside the tables, and the Glue catalogue.

build's database + Published ──announce()──▶ <warehouse>/docs/…, and tables in Glue when the stage names a database
"""

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import duckdb

from refera_platform.lake.objects import ObjectRoot
from refera_platform.settings.stage import CHECKOUT, Stage
from refera_platform.warehouse.catalogs.dbt_docs import LINEAGE, document
from refera_platform.warehouse.catalogs.glue import register
from refera_platform.warehouse.catalogs.glue_tables import CatalogTable
from refera_platform.warehouse.catalogs.lineage import Lineage
from refera_platform.warehouse.dbt_project import MANIFEST, words
from refera_platform.warehouse.publish.publication import Published

DOCUMENTED = "docs/project.sha256"
"""Hash of the project that the documents tell of; written after them."""


def announce(
    stage: Stage,
    root: ObjectRoot,
    connection: duckdb.DuckDBPyConnection,
    sql: Mapping[str, str],
    published: Published,
    private: Collection[Path],
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
        private: Folders of this machine, beside the usual ones, that no document may name.
        is_increment: Whether the build went on from the publication before.

    Returns:
        What every column of every model is made of.

    Raises:
        WarehouseError: when Glue refuses; the tables are published all the same.
    """
    parsed: dict[str, Any] = json.loads(MANIFEST.read_text())
    said, now = root.read(DOCUMENTED), words()
    kept = root.read(LINEAGE) if is_increment and said and said[0].decode() == now else None
    if kept:
        lineage = Lineage.from_json(kept[0])
    else:
        # no counts of rows: the manifest has them, and the page of megabytes would be another one every day
        lineage = document(root, connection, parsed, sql, rows={}, private=[CHECKOUT, stage.home, *private])
        root.write(DOCUMENTED, now.encode(), content_type="text/plain")
    if stage.glue_database:
        register(stage.store, stage.glue_database, root.root, catalog_tables(root, parsed, published))
    return lineage


def catalog_tables(root: ObjectRoot, parsed: Mapping[str, Any], published: Published) -> list[CatalogTable]:
    """The published tables as a catalogue describes them."""
    about = {node["name"]: node for node in parsed["nodes"].values() if node["resource_type"] == "model"}
    return [
        CatalogTable(
            name=name,
            columns=model.columns,
            location=f"{root.root}/{name}",
            partition_column=model.stored_by or None,
            partitions=[item.month for item in model.objects] if model.stored_by else [],
            description=about[name]["description"],
            column_comments={column: told["description"] for column, told in about[name]["columns"].items()},
        )
        for name, model in published.models.items()
    ]
