"""Asset keys and the pool of a source: one rule for each kind, with the names of the database, the lake and dbt.

raw/<database>/<table>    staging/<model>    warehouse/<model>    answers/<model>    answers/report
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from refera_platform.source.table import SourceTable

GROUPS: Mapping[str, str] = {
    "staging": "staging",
    "intermediate": "warehouse",
    "marts": "warehouse",
    "answers": "answers",
}
"""Asset group of the models in each folder below ``models/``."""
RAW_OBJECTS_KEY = dg.AssetKey(["lake", "captured_days"])
"""The list of raw objects; dbt reads it like a source table."""
SOURCE_GROUPS_KEY = dg.AssetKey(["lake", "source_groups"])
"""Row counts and sums by group, as the source server computed them; dbt reads them like a source table."""
REPORT_KEY = dg.AssetKey(["answers", "report"])
"""The report page."""


def raw_table_key(table: SourceTable) -> dg.AssetKey:
    """Asset key of a raw table."""
    return dg.AssetKey(["raw", table.database, table.name])


def source_pool(database: str) -> str:
    """Pool that limits how many steps read a source database at a time."""
    return f"source_{database}"


def published_model_key(name: str) -> dg.AssetKey:
    """Asset key of a published model, by its name: answers begin with ``ans_``."""
    return dg.AssetKey(["answers" if name.startswith("ans_") else "warehouse", name])


def dbt_node_key(props: Mapping[str, Any]) -> dg.AssetKey:
    """Asset key of a dbt model or source, from its entry in the manifest."""
    if props["resource_type"] == "source":
        is_own = props["source_name"] == "refera"
        return dg.AssetKey(["lake", props["name"]] if is_own else ["raw", props["source_name"], props["name"]])
    return dg.AssetKey([GROUPS[props["fqn"][1]], props["name"]])
