"""dbt's documentation of a build, published beside its tables: one page, and what catalogues and the report read.

<warehouse>/docs/index.html     dbt's own page, whole in one file; it asks no network
<warehouse>/docs/manifest.json  dbt's manifest, with the SQL that was run and without a word on this machine
<warehouse>/docs/catalog.json   dbt's catalogue: columns, types and rows as they were built
<warehouse>/docs/lineage.json   what every column is made of (see ``lineage``)

``dbt docs generate`` writes the same catalogue, of what one database holds, beside a manifest that names folders of
this machine and holds every macro of dbt's own; here a build of some models keeps what is known of the others.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from refera_platform.duckdb_session.secrets import redact
from refera_platform.lake.objects import ObjectRoot
from refera_platform.warehouse.catalogs.lineage import Lineage, read_relation_columns, trace_lineage

DOCS_FOLDER = "docs"
DOCS_PAGE_KEY, DOCS_MANIFEST_KEY, DOCS_CATALOG_KEY, LINEAGE_KEY = (
    f"{DOCS_FOLDER}/{name}" for name in ("index.html", "manifest.json", "catalog.json", "lineage.json")
)
RUN_METADATA_FIELDS = frozenset(
    {"env", "user_id", "invocation_id", "invocation_started_at", "run_started_at", "project_id"}
)
"""What dbt's metadata tells of the machine and the moment, beside the versions."""
RUN_NODE_FIELDS = frozenset({"build_path", "compiled_path", "root_path", "created_at", "compiled", "compiled_code"})
"""What dbt tells of a node and is true on one machine or in one run only."""
CATALOG_SCHEMA_URL = "https://schemas.getdbt.com/dbt/catalog/v1.json"


@dataclass(frozen=True, kw_only=True)
class BuiltModels:
    """What one build knows of the models that it built, and of the relations in its database."""

    sql: Mapping[str, str]
    """Compiled SQL by model."""
    columns: Mapping[str, Mapping[str, str]]
    """Types of the columns by relation: a model's name, or ``schema.table`` (see ``lineage.columns_of``)."""
    lineage: Lineage
    rows: Mapping[str, int] = field(default_factory=dict)
    """Published rows by model."""


def trace_and_publish_docs(
    root: ObjectRoot,
    connection: duckdb.DuckDBPyConnection,
    manifest: Mapping[str, Any],
    sql: Mapping[str, str],
    *,
    rows: Mapping[str, int],
    private_folders: Collection[Path] = (),
) -> Lineage:
    """Find out what a build's models are made of, and publish its documents.

    Args:
        root: The warehouse.
        connection: Session on the database that was built.
        manifest: dbt's parsed ``manifest.json``.
        sql: Compiled SQL of the models that were built.
        rows: Published rows by model.
        private_folders: Folders of this machine that no document may name.

    Returns:
        The lineage of all models, built now or before.
    """
    columns = read_relation_columns(connection)
    built = BuiltModels(sql=sql, columns=columns, lineage=trace_lineage(sql, columns), rows=rows)
    return publish_docs(root, manifest, built, private_folders=private_folders)


def publish_docs(
    root: ObjectRoot, manifest: Mapping[str, Any], built: BuiltModels, *, private_folders: Collection[Path] = ()
) -> Lineage:
    """Document what was just published; a document that says it already is not written again.

    Args:
        root: The warehouse.
        manifest: dbt's parsed ``manifest.json``; it is not changed.
        built: What the build found out. Of models it did not build, the documents before are asked.
        private_folders: Folders of this machine that no document may name.

    Returns:
        The lineage of all models as it was published.
    """
    previous = _read_previous_docs(root, manifest, built)
    lineage = built.lineage.with_previous(previous.lineage, _model_names(manifest))
    manifest_content = public_manifest(manifest, {**previous.compiled_sql(manifest), **built.sql}, private_folders)
    catalog = public_catalog(manifest, built.columns, built.rows, previous.catalog)
    existing_etags = {item.key: item.etag.strip('"') for item in root.list(f"{DOCS_FOLDER}/")}
    for key, text, kind in (
        (DOCS_MANIFEST_KEY, json.dumps(manifest_content), "application/json"),
        (DOCS_CATALOG_KEY, json.dumps(catalog), "application/json"),
        (LINEAGE_KEY, lineage.to_json(), "application/json"),
        (DOCS_PAGE_KEY, docs_page(manifest_content, catalog), "text/html; charset=utf-8"),
    ):
        content = text.encode()
        # the ETag of a small object is its MD5; where a store says something else, it is written again
        if existing_etags.get(key) != hashlib.md5(content, usedforsecurity=False).hexdigest():
            root.write(key, content, content_type=kind)
    return lineage


def public_manifest(
    manifest: Mapping[str, Any], sql: Mapping[str, str], private_folders: Collection[Path]
) -> dict[str, Any]:
    """The manifest for everybody to read: our own macros only, no folders, hosts or users, and the SQL that ran."""
    project = manifest["metadata"]["project_name"]
    nodes = {}
    for key, node in manifest["nodes"].items():
        nodes[key] = {name: value for name, value in node.items() if name not in RUN_NODE_FIELDS}
        if node["resource_type"] == "model" and node["name"] in sql:
            nodes[key] |= {"compiled": True, "compiled_code": sql[node["name"]]}
    content = {
        **manifest,
        "metadata": {
            **{name: value for name, value in manifest["metadata"].items() if name not in RUN_METADATA_FIELDS},
            "send_anonymous_usage_stats": False,  # or the page would tell dbt's maker who opens it
        },
        "nodes": nodes,
        "macros": {key: macro for key, macro in manifest["macros"].items() if macro["package_name"] == project},
    }
    text = redact(json.dumps(content), [])
    for folder in sorted({str(path) for path in private_folders if len(path.parts) > 1}, key=len, reverse=True):
        text = text.replace(json.dumps(folder)[1:-1], "…")
    clean: dict[str, Any] = json.loads(text)
    return clean


def public_catalog(
    manifest: Mapping[str, Any],
    columns: Mapping[str, Mapping[str, str]],
    rows: Mapping[str, int],
    previous_catalog: Mapping[str, Any],
) -> dict[str, Any]:
    """The catalogue of the relations with known columns; of the others what the catalogue before said."""
    content: dict[str, Any] = {
        "metadata": {
            "dbt_schema_version": CATALOG_SCHEMA_URL,
            "dbt_version": manifest["metadata"]["dbt_version"],
            "generated_at": manifest["metadata"]["generated_at"],  # so that the same build gives the same bytes
        },
        "errors": None,
    }
    for group in ("nodes", "sources"):
        entries = {}
        for key, node in manifest[group].items():
            is_model = node["resource_type"] == "model"
            relation = node["name"] if is_model else f"{node['schema']}.{node['name']}"
            if relation in columns:
                entries[key] = _catalog_entry(key, node, columns[relation], rows.get(relation))
            elif key in previous_catalog.get(group, {}):
                entries[key] = previous_catalog[group][key]
        content[group] = entries
    return content


def docs_page(manifest: Mapping[str, Any], catalog: Mapping[str, Any]) -> str:
    """The page that dbt ships, with both documents inside."""
    from dbt.task.docs import DOCS_INDEX_FILE_PATH

    html = Path(DOCS_INDEX_FILE_PATH).read_text()
    for name, content in (("MANIFEST", manifest), ("CATALOG", catalog)):
        # dbt replaces without a look at what is inside: a comment with </script> in it would end the page
        inline = json.dumps(content).replace("</", "<\\/").replace("<!--", "<\\u0021--")
        html = html.replace(f'"{name}.JSON INLINE DATA"', inline)
    return html


def _catalog_entry(key: str, node: Mapping[str, Any], columns: Mapping[str, str], rows: int | None) -> dict[str, Any]:
    is_view = node["resource_type"] == "source" or node["config"]["materialized"] == "view"
    stats: dict[str, Any] = {
        "has_stats": {
            "id": "has_stats",
            "label": "Has Stats?",
            "value": rows is not None,
            "include": False,
            "description": "Indicates whether there are statistics for this table",
        },
    }
    if rows is not None:
        stats["num_rows"] = {
            "id": "num_rows",
            "label": "Rows",
            "value": rows,
            "include": True,
            "description": "Rows as published",
        }
    return {
        "unique_id": key,
        "metadata": {
            "type": "VIEW" if is_view else "BASE TABLE",
            "schema": node["schema"],
            "name": node["name"],
            "database": node["database"],
            "comment": None,
            "owner": None,
        },
        "columns": {
            name: {"type": kind, "index": index, "name": name, "comment": None}
            for index, (name, kind) in enumerate(columns.items(), 1)
        },
        "stats": stats,
    }


@dataclass(frozen=True, kw_only=True)
class _PreviousDocs:
    """What the documents before said; empty when there are none, or none that are ours."""

    lineage: Lineage
    manifest: Mapping[str, Any]
    catalog: Mapping[str, Any]

    def compiled_sql(self, manifest: Mapping[str, Any]) -> dict[str, str]:
        """SQL of the models whose file is still the one that was compiled."""
        nodes = self.manifest.get("nodes", {})
        return {
            node["name"]: nodes[key]["compiled_code"]
            for key, node in manifest["nodes"].items()
            if nodes.get(key, {}).get("compiled_code") and nodes[key].get("checksum") == node["checksum"]
        }


def _read_previous_docs(root: ObjectRoot, manifest: Mapping[str, Any], built: BuiltModels) -> _PreviousDocs:
    if set(_model_names(manifest)) <= set(built.sql):
        return _PreviousDocs(lineage=Lineage(models={}), manifest={}, catalog={})
    stored_lineage = root.read(LINEAGE_KEY)
    return _PreviousDocs(
        lineage=Lineage.from_json(stored_lineage[0]) if stored_lineage else Lineage(models={}),
        manifest=_read_json_object(root, DOCS_MANIFEST_KEY),
        catalog=_read_json_object(root, DOCS_CATALOG_KEY),
    )


def _read_json_object(root: ObjectRoot, key: str) -> dict[str, Any]:
    stored = root.read(key)
    try:
        content = json.loads(stored[0]) if stored else {}
    except ValueError:
        return {}  # this build writes it anew
    return content if isinstance(content, dict) else {}


def _model_names(manifest: Mapping[str, Any]) -> list[str]:
    return [node["name"] for node in manifest["nodes"].values() if node["resource_type"] == "model"]
