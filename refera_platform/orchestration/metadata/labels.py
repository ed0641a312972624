"""What every asset says of itself: who answers for it, what it is made of, and the words it is found by.

SourceTable ──▶ of_table()      dbt node ──▶ of_model()      ──▶ owners, tags, kinds of an AssetSpec
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Any, TypedDict

import dagster as dg

from refera_platform.orchestration import keys
from refera_platform.source.catalog import TABLES
from refera_platform.source.table import SourceTable
from refera_platform.warehouse.dbt_project import PUBLISHED_FOLDERS

PLATFORM, ANALYTICS = "team:data-platform", "team:analytics"


class Labels(TypedDict):
    """Arguments of an ``AssetSpec``."""

    owners: list[str]
    tags: dict[str, str]
    kinds: set[str]


def way(name: str, address: str, command: str = "") -> dict[str, Any]:
    """Metadata that leads somewhere: an address for a browser, or where none may look the command that shows it."""
    if address:
        return {name: dg.MetadataValue.url(address)}
    return {name: dg.MetadataValue.md(f"`{command}`")} if command and "`" not in command else {}


def of_table(table: SourceTable, kind: str) -> Labels:
    """Labels of a raw table.

    Args:
        table: The table.
        kind: What its database is: ``mysql`` or ``mariadb``.
    """
    tags = {"layer": "raw", "database": table.database, "strategy": table.strategy.value}
    if table.private or table.hashed:
        tags["pii"] = "hashed" if table.hashed else "left_behind"
    return Labels(owners=[table.owner], tags=tags, kinds={kind, "parquet"})


def version_of(table: SourceTable) -> str:
    """A version that changes when the declaration changes what is captured, and not with every release."""
    told = [
        table.strategy.value,
        table.key,
        sorted(table.private),
        sorted(table.hashed),
        table.cursor,
        str(table.overlap),
    ]
    return hashlib.sha256(repr(told).encode()).hexdigest()[:12]


def of_footers() -> list[dg.AssetSpec]:
    """What the footers of raw objects say, which dbt reads like tables and nobody materializes."""
    said = {
        keys.CAPTURED_DAYS: "The raw objects of every table, one a day, as their own footers describe them.",
        keys.SOURCE_GROUPS: "What the source itself added up in groups when the newest day of each table was read.",
    }
    return [
        dg.AssetSpec(
            key,
            group_name="lake",
            deps=[keys.raw(table) for table in TABLES],
            description=description,
            owners=[PLATFORM],
            tags={"layer": "raw"},
            kinds={"parquet"},
        )
        for key, description in said.items()
    ]


def owner_of(props: Mapping[str, Any], groups: Mapping[str, Mapping[str, Any]]) -> str:
    """Who answers for a dbt model: the ``owner`` of its meta, else that of its group.

    Args:
        props: Its node in the manifest.
        groups: The manifest's groups by name.
    """
    meta = props.get("config", {}).get("meta", {})
    if told := meta.get("owner"):
        return str(told)
    owner = groups.get(props.get("group") or "", {}).get("owner", {})
    name = re.sub(r"[^a-z0-9]+", "-", str(owner.get("name") or "").lower()).strip("-")
    return str(owner.get("email") or (f"team:{name}" if name else PLATFORM))


def of_model(props: Mapping[str, Any], groups: Mapping[str, Mapping[str, Any]]) -> Labels:
    """Labels of a dbt model; those of dbt itself (its tags, its engine) come from dagster-dbt."""
    folder = props["fqn"][1]
    tags = {"layer": folder}
    if folder == "staging":
        tags["database"] = props["fqn"][2]
    if months := props.get("config", {}).get("meta", {}).get("months"):
        tags["stored_by"] = months["by"]
    kinds = {"dbt", "duckdb"} | ({"parquet"} if folder in PUBLISHED_FOLDERS else set())
    return Labels(owners=[owner_of(props, groups)], tags=tags, kinds=kinds)
