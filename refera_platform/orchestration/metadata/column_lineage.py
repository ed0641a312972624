"""Column lineage of a dbt model as Dagster metadata; Dagster's open-source UI shows it as plain metadata.

Lineage (relations of the warehouse) ──▶ ``dagster/column_lineage`` (asset keys)

Parses no SQL: ``warehouse.catalogs.lineage`` does.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from refera_platform.orchestration import keys
from refera_platform.warehouse.catalogs.lineage import Lineage

LINEAGE_KEY, UNKNOWN_LINEAGE_KEY = "dagster/column_lineage", "column_lineage_unknown"


def dbt_asset_keys(manifest: Mapping[str, Any]) -> dict[str, dg.AssetKey]:
    """Asset key of every relation that a lineage may name: models by name, sources as ``schema.table``."""
    models = {
        node["name"]: keys.dbt_node_key(node) for node in manifest["nodes"].values() if node["resource_type"] == "model"
    }
    sources = {f"{node['schema']}.{node['name']}": keys.dbt_node_key(node) for node in manifest["sources"].values()}
    return {**models, **sources}


def column_lineage_metadata(model: str, lineage: Lineage, assets: Mapping[str, dg.AssetKey]) -> dict[str, Any]:
    """Lineage metadata of a model's materialization, or the reason why its SQL could not be analysed.

    Args:
        model: Name of the model.
        lineage: Column lineage of all models.
        assets: Asset key of each relation (see ``dbt_asset_keys``).
    """
    if model in lineage.problems:
        return {UNKNOWN_LINEAGE_KEY: lineage.problems[model]}
    if model not in lineage.models:
        return {}
    columns = {
        column: [
            dg.TableColumnDep(asset_key=assets[origin.relation], column_name=origin.column)
            for origin in origins
            if origin.relation in assets
        ]
        for column, origins in lineage.models[model].items()
    }
    return {LINEAGE_KEY: dg.TableColumnLineage(deps_by_column=columns)}
