"""Selection of assets by the names that people type: tables, models, groups, or Dagster's own selection syntax."""

from collections import Counter

import dagster as dg

from refera_platform.errors import SettingError
from refera_platform.orchestration import keys
from refera_platform.orchestration.run_request import DailyRunRequest


def selected_assets(definitions: dg.Definitions, request: DailyRunRequest) -> frozenset[dg.AssetKey] | None:
    """Asset keys of a request; ``None`` for all.

    Raises:
        SettingError: for a name of no asset.
    """
    if not request.select and not request.excluded:
        return None
    if request.select:
        selected_keys = _resolve_names(definitions, request.select)
    else:
        selected_keys = frozenset(definitions.resolve_asset_graph().materializable_asset_keys)
    return selected_keys - {keys.raw_table_key(table) for table in request.excluded}


def _resolve_names(definitions: dg.Definitions, select: str) -> frozenset[dg.AssetKey]:
    """Asset keys that a comma-separated selection names.

    Raises:
        SettingError: for a part that names no asset.
    """
    graph = definitions.resolve_asset_graph()
    tables = sorted(key for key in graph.materializable_asset_keys if key.path[0] == "raw")
    name_counts = Counter(key.path[-1] for key in tables)
    keys_by_name = {".".join(key.path[1:]): key for key in tables}
    keys_by_name |= {key.path[-1]: key for key in tables if name_counts[key.path[-1]] == 1}
    keys_by_name |= {key.path[-1]: key for key in graph.materializable_asset_keys if key.path[0] != "raw"}
    groups = set(keys.GROUPS.values()) | {"lake"}
    asset_keys: set[dg.AssetKey] = set()
    for part in filter(None, (name.strip() for name in select.split(","))):
        if part in keys_by_name:
            asset_keys.add(keys_by_name[part])
            continue
        try:
            if part in groups:
                selection: dg.AssetSelection = dg.AssetSelection.groups(part)
            elif "/" in part and not any(sign in part for sign in ':+"'):
                selection = dg.AssetSelection.assets(part.split("/"))
            else:
                selection = dg.AssetSelection.from_string(part)
            matching_keys = selection.resolve(graph) & graph.materializable_asset_keys
        except dg.DagsterError:
            matching_keys = frozenset()
        if not matching_keys:
            example = f" ({'.'.join(tables[0].path[1:])})" if tables else ""
            raise SettingError(
                f"--select {part!r} names no asset:",
                f"write a table{example}, a model (dim_customer), a group ({', '.join(sorted(groups))})"
                " or a selection like '+key:\"answers/ans_sales_by_month\"'.",
            )
        asset_keys |= matching_keys
    return frozenset(asset_keys)
