"""Asset labels: owners, tags and kinds of every asset spec, its code version, and links as metadata.

SourceTable ──▶ table_labels()      dbt node ──▶ model_labels()      ──▶ owners, tags, kinds of an AssetSpec
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import dagster as dg

from refera_platform.orchestration import keys
from refera_platform.source.table import SourceTable
from refera_platform.warehouse.dbt_project import PUBLISHED_FOLDERS

PLATFORM, ANALYTICS = "team:data-platform", "team:analytics"


class AssetLabels(TypedDict):
    """Keyword arguments of an ``AssetSpec``."""

    owners: list[str]
    tags: dict[str, str]
    kinds: set[str]


def link_metadata(name: str, address: str, command: str = "") -> dict[str, Any]:
    """Link as metadata: the address when a browser can open it, else the command that shows the same."""
    if address:
        return {name: dg.MetadataValue.url(address)}
    return {name: dg.MetadataValue.md(f"`{command}`")} if command and "`" not in command else {}


def table_labels(table: SourceTable, kind: str) -> AssetLabels:
    """Labels of a raw table.

    Args:
        table: The table.
        kind: Kind of its server: ``mysql`` or ``mariadb``.
    """
    tags = {"layer": "raw", "database": table.database, "strategy": table.strategy.value}
    if table.private or table.hashed:
        tags["pii"] = "hashed" if table.hashed else "left_behind"
    return AssetLabels(owners=[table.owner], tags=tags, kinds={kind, "parquet"})


def table_code_version(table: SourceTable) -> str:
    """Code version of a raw table: changes with the parts of its declaration that change what is ingested."""
    declaration = [
        table.strategy.value,
        table.key,
        sorted(table.private),
        sorted(table.hashed),
        table.cursor,
        str(table.overlap),
    ]
    return hashlib.sha256(repr(declaration).encode()).hexdigest()[:12]


def footer_asset_specs(tables: Sequence[SourceTable]) -> list[dg.AssetSpec]:
    """Specs of the tables that dbt reads from the footers of raw objects; nothing materializes them."""
    descriptions = {
        keys.RAW_OBJECTS_KEY: "The raw objects of every table, one a day, as their own footers describe them.",
        keys.SOURCE_GROUPS_KEY: "What the source itself added up in groups when the newest day of each table was read.",
    }
    return [
        dg.AssetSpec(
            key,
            group_name="lake",
            deps=[keys.raw_table_key(table) for table in tables],
            description=description,
            owners=[PLATFORM],
            tags={"layer": "raw"},
            kinds={"parquet"},
        )
        for key, description in descriptions.items()
    ]


def model_owner(props: Mapping[str, Any], groups: Mapping[str, Mapping[str, Any]]) -> str:
    """Owner of a dbt model: the ``owner`` of its meta, else the owner of its group.

    Args:
        props: Its node in the manifest.
        groups: The manifest's groups by name.
    """
    meta = props.get("config", {}).get("meta", {})
    if declared_owner := meta.get("owner"):
        return str(declared_owner)
    owner = groups.get(props.get("group") or "", {}).get("owner", {})
    name = re.sub(r"[^a-z0-9]+", "-", str(owner.get("name") or "").lower()).strip("-")
    return str(owner.get("email") or (f"team:{name}" if name else PLATFORM))


def model_labels(props: Mapping[str, Any], groups: Mapping[str, Mapping[str, Any]]) -> AssetLabels:
    """Labels of a dbt model; dbt's own tags come from dagster-dbt."""
    folder = props["fqn"][1]
    tags = {"layer": folder}
    if folder == "staging":
        tags["database"] = props["fqn"][2]
    if months := props.get("config", {}).get("meta", {}).get("months"):
        tags["stored_by"] = months["by"]
    kinds = {"dbt", "duckdb"} | ({"parquet"} if folder in PUBLISHED_FOLDERS else set())
    return AssetLabels(owners=[model_owner(props, groups)], tags=tags, kinds=kinds)
