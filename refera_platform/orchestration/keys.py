"""How things of the rooms are called in Dagster: the same words everywhere.

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
"""Group of the models in each folder below ``models/``."""
RAW_OBJECTS_KEY = dg.AssetKey(["lake", "captured_days"])
"""The list of raw objects, which dbt reads like a table."""
SOURCE_GROUPS_KEY = dg.AssetKey(["lake", "source_groups"])
"""What the source itself had in groups, which dbt reads like a table."""
REPORT_KEY = dg.AssetKey(["answers", "report"])
"""The page of the answers."""


def raw_table_key(table: SourceTable) -> dg.AssetKey:
    """Key of a raw asset."""
    return dg.AssetKey(["raw", table.database, table.name])


def dbt_node_key(props: Mapping[str, Any]) -> dg.AssetKey:
    """Key of a dbt model or source, from its entry in the manifest."""
    if props["resource_type"] == "source":
        is_own = props["source_name"] == "refera"
        return dg.AssetKey(["lake", props["name"]] if is_own else ["raw", props["source_name"], props["name"]])
    return dg.AssetKey([GROUPS[props["fqn"][1]], props["name"]])
