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
CAPTURED_DAYS = dg.AssetKey(["lake", "captured_days"])
"""The list of raw objects, which dbt reads like a table."""
SOURCE_GROUPS = dg.AssetKey(["lake", "source_groups"])
"""What the source itself had in groups, which dbt reads like a table."""
REPORT = dg.AssetKey(["answers", "report"])
"""The page of the answers."""


def raw(table: SourceTable) -> dg.AssetKey:
    """Key of a raw asset."""
    return dg.AssetKey(["raw", table.database, table.name])


def of_dbt(props: Mapping[str, Any]) -> dg.AssetKey:
    """Key of a dbt model or source, from its entry in the manifest."""
    if props["resource_type"] == "source":
        own = props["source_name"] == "refera"
        return dg.AssetKey(["lake", props["name"]] if own else ["raw", props["source_name"], props["name"]])
    return dg.AssetKey([GROUPS[props["fqn"][1]], props["name"]])
