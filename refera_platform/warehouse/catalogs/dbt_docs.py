"""Publisher of dbt's documentation of a build: one page, and the JSON files that catalogs and the report read.

<warehouse>/docs/index.html     dbt's own page in one file; it needs no network
<warehouse>/docs/manifest.json  dbt's manifest, with the SQL that ran and without names of this machine
<warehouse>/docs/catalog.json   dbt's catalog: columns and types as they were built
<warehouse>/docs/lineage.json   column lineage (see ``lineage``)

``dbt docs generate --static`` (1.11) is not used: it takes 4.3 s of CPU where this takes 0.1 s, its catalog describes
one database only, and its page (3.6 MiB, here 2.9) holds dbt's own macros, names folders of this machine 159 times and
the user's ID once. Here a build of some models keeps the documents of the others.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refera_platform.duckdb_session.secrets import redact
from refera_platform.lake.objects import ObjectRoot
from refera_platform.warehouse.catalogs.lineage import Lineage

DOCS_FOLDER = "docs"
DOCS_PAGE_KEY, DOCS_MANIFEST_KEY, DOCS_CATALOG_KEY, LINEAGE_KEY = (
    f"{DOCS_FOLDER}/{name}" for name in ("index.html", "manifest.json", "catalog.json", "lineage.json")
)
RUN_METADATA_FIELDS = frozenset(
    {"env", "user_id", "invocation_id", "invocation_started_at", "run_started_at", "project_id"}
)
"""Fields of dbt's metadata about the machine and the time of the run."""
RUN_NODE_FIELDS = frozenset({"build_path", "compiled_path", "root_path", "created_at", "compiled", "compiled_code"})
"""Fields of a dbt node that hold on one machine or in one run only."""
CATALOG_SCHEMA_URL = "https://schemas.getdbt.com/dbt/catalog/v1.json"


@dataclass(frozen=True, kw_only=True)
class BuiltModels:
    """Models that one build built, and the columns of the relations in its database."""

    sql: Mapping[str, str]
    """Compiled SQL by model."""
    columns: Mapping[str, Mapping[str, str]]
    """Column types by relation: a model's name, or ``schema.table`` (see ``lineage.read_relation_columns``)."""
    lineage: Lineage


def publish_docs(
    root: ObjectRoot, manifest: Mapping[str, Any], built: BuiltModels, *, private_folders: Collection[Path] = ()
) -> Lineage:
    """Publish the documents of a build; a document that is unchanged is not written again.

    Args:
        root: The warehouse.
        manifest: dbt's parsed ``manifest.json``; it is not changed.
        built: Models of the build. Models that it did not build are described from the previous documents.
        private_folders: Folders of this machine that no document may name.

    Returns:
        Column lineage of all models, as published.
    """
    previous = _read_previous_docs(root, manifest, built)
    lineage = built.lineage.with_previous(previous.lineage, _model_names(manifest))
    manifest_content = public_manifest(manifest, {**previous.compiled_sql(manifest), **built.sql}, private_folders)
    catalog = public_catalog(manifest, built.columns, previous.catalog)
    existing_etags = {item.key: item.etag.strip('"') for item in root.list(f"{DOCS_FOLDER}/")}
    for key, text, kind in (
        (DOCS_MANIFEST_KEY, json.dumps(manifest_content), "application/json"),
        (DOCS_CATALOG_KEY, json.dumps(catalog), "application/json"),
        (LINEAGE_KEY, lineage.to_json(), "application/json"),
        (DOCS_PAGE_KEY, docs_page(manifest_content, catalog), "text/html; charset=utf-8"),
    ):
        content = text.encode()
        # a small object's ETag is its MD5; where a store uses another ETag, the object is written again
        if existing_etags.get(key) != hashlib.md5(content, usedforsecurity=False).hexdigest():
            root.write(key, content, content_type=kind)
    return lineage


def public_manifest(
    manifest: Mapping[str, Any], sql: Mapping[str, str], private_folders: Collection[Path]
) -> dict[str, Any]:
    """The manifest for the public: this project's macros only, no folders, hosts or users, and the SQL that ran."""
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
            "send_anonymous_usage_stats": False,  # otherwise the page reports its readers to dbt Labs
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
    manifest: Mapping[str, Any], columns: Mapping[str, Mapping[str, str]], previous_catalog: Mapping[str, Any]
) -> dict[str, Any]:
    """The catalog: relations with known columns from this build, the others from the previous catalog.

    It has no row counts: the warehouse's manifest has them, and they would change a page of megabytes every day.
    """
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
                entries[key] = _catalog_entry(key, node, columns[relation])
            elif key in previous_catalog.get(group, {}):
                entries[key] = previous_catalog[group][key]
        content[group] = entries
    return content


def docs_page(manifest: Mapping[str, Any], catalog: Mapping[str, Any]) -> str:
    """The page that dbt ships, with both documents inside."""
    from dbt.task.docs import DOCS_INDEX_FILE_PATH

    html = Path(DOCS_INDEX_FILE_PATH).read_text()
    for name, content in (("MANIFEST", manifest), ("CATALOG", catalog)):
        # dbt inserts the JSON unescaped: a comment with </script> in it would end the script
        inline = json.dumps(content).replace("</", "<\\/").replace("<!--", "<\\u0021--")
        html = html.replace(f'"{name}.JSON INLINE DATA"', inline)
    return html


def _catalog_entry(key: str, node: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, Any]:
    is_view = node["resource_type"] == "source" or node["config"]["materialized"] == "view"
    stats: dict[str, Any] = {
        "has_stats": {
            "id": "has_stats",
            "label": "Has Stats?",
            "value": False,
            "include": False,
            "description": "Indicates whether there are statistics for this table",
        },
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
    """The documents of the previous publication; empty when there are none, or none that this module wrote."""

    lineage: Lineage
    manifest: Mapping[str, Any]
    catalog: Mapping[str, Any]

    def compiled_sql(self, manifest: Mapping[str, Any]) -> dict[str, str]:
        """Compiled SQL of the models whose file has not changed since."""
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
        return {}  # this build writes the document again
    return content if isinstance(content, dict) else {}


def _model_names(manifest: Mapping[str, Any]) -> list[str]:
    return [node["name"] for node in manifest["nodes"].values() if node["resource_type"] == "model"]
