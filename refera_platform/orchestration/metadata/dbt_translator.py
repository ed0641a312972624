"""Translator of the dbt manifest to asset specs: keys, groups and labels are ours, the rest is dagster-dbt's."""

from collections.abc import Iterable, Mapping
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtProject

from refera_platform.orchestration import keys
from refera_platform.orchestration.metadata.dbt_model import code_reference_metadata
from refera_platform.orchestration.metadata.labels import model_labels
from refera_platform.settings.stage import Stage
from refera_platform.warehouse.dbt_project import PUBLISHED_SCHEMA


class DbtTranslator(DagsterDbtTranslator):
    """Translator of dbt nodes to asset keys, groups and labels of ours; dagster-dbt sets descriptions and versions."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self._stage = stage

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """Asset key of a model or source."""
        return keys.dbt_node_key(dbt_resource_props)

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """Asset group of a model: staging, warehouse or answers."""
        return keys.GROUPS.get(dbt_resource_props["fqn"][1])

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None) -> dg.AssetSpec:
        """Asset spec of a model, with its owners, tags, kinds and code reference."""
        spec, node = super().get_asset_spec(manifest, unique_id, project), manifest["nodes"].get(unique_id)
        if node is None:  # a source: the raw assets have specs of their own
            return spec
        groups = {group["name"]: group for group in manifest["groups"].values()}
        labels = model_labels(node, groups)
        return spec.replace_attributes(
            owners=labels["owners"],
            tags={**spec.tags, **labels["tags"]},
            kinds=labels["kinds"],
            metadata={**spec.metadata, **code_reference_metadata(node, self._stage)},
        )


def without_published_tables(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest without the tables of the previous publication.

    Each is an earlier state of an asset of ours, and Dagster refuses an asset that depends on itself.
    """
    sources = {key: node for key, node in manifest["sources"].items() if node["source_name"] != PUBLISHED_SCHEMA}
    removed = manifest["sources"].keys() - sources.keys()

    def remaining(keys: Iterable[str]) -> list[str]:
        return [key for key in keys if key not in removed]

    nodes = {
        key: {**node, "depends_on": {**node["depends_on"], "nodes": remaining(node["depends_on"]["nodes"])}}
        for key, node in manifest["nodes"].items()
    }
    maps = {
        name: {key: remaining(others) for key, others in manifest[name].items() if key not in removed}
        for name in ("parent_map", "child_map")
    }
    return {**manifest, **maps, "sources": sources, "nodes": nodes}
