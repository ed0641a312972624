"""Dagster assets of the dbt models: one multi-asset step builds, tests and publishes the selected models.

dagster-dbt makes the asset and check specs from the manifest. ``warehouse.build`` runs dbt in this process, which
saves the ``dbt --version`` call and the second start of Python that ``DbtCliResource`` costs.
``metadata.dbt_model`` makes the metadata of each model and test.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtProject, dbt_assets

from refera_platform.disk import translate_disk_errors
from refera_platform.errors import ReferaError
from refera_platform.orchestration import keys
from refera_platform.orchestration.metadata.column_lineage import dbt_asset_keys
from refera_platform.orchestration.metadata.dbt_model import ModelMetadata, code_reference_metadata, dbt_test_metadata
from refera_platform.orchestration.metadata.labels import model_labels
from refera_platform.orchestration.run_history.failed_steps import MAY_SUCCEED_KEY, dagster_failure
from refera_platform.orchestration.run_request import FULL_REFRESH_TAG
from refera_platform.settings.stage import Stage
from refera_platform.warehouse.build.node_result import NodeResult
from refera_platform.warehouse.build.result import BuildResult
from refera_platform.warehouse.build.run import build_warehouse
from refera_platform.warehouse.dbt_manifest import ensure_manifest
from refera_platform.warehouse.dbt_project import MANIFEST_FILE

UNIQUE_ID_KEY = "dagster_dbt/unique_id"
"""Metadata key under which dagster-dbt keeps the dbt ``unique_id`` of an asset or a check."""
DbtAssetEvent = dg.MaterializeResult[None] | dg.AssetCheckResult


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


def build_dbt_assets(stage: Stage) -> dg.AssetsDefinition:
    """Multi-asset of all dbt models; parses the project first when one of its files is newer than the manifest."""
    ensure_manifest()
    manifest = json.loads(MANIFEST_FILE.read_text())
    assets, translator = dbt_asset_keys(manifest), DbtTranslator(stage)

    @dbt_assets(manifest=manifest, dagster_dbt_translator=translator, name="warehouse", pool="warehouse")
    def warehouse(context: dg.AssetExecutionContext, stage: dg.ResourceParam[Stage]) -> Iterator[DbtAssetEvent]:
        selected_models = {
            context.assets_def.specs_by_key[key].metadata[UNIQUE_ID_KEY].split(".")[-1]: key
            for key in context.selected_asset_keys
        }
        checks = {
            spec.metadata[UNIQUE_ID_KEY]: spec.key
            for spec in context.assets_def.check_specs
            if spec.key in context.selected_asset_check_keys
        }
        checked_models = {key.asset_key.path[-1] for key in checks.values()}
        try:
            with translate_disk_errors(stage.scratch):
                built = build_warehouse(
                    stage,
                    set(selected_models) or checked_models,
                    on_node_finished=lambda node: _log_node(context, node),
                    is_publishing=bool(selected_models),
                    full_refresh=FULL_REFRESH_TAG in context.run.tags,
                )
        except ReferaError as error:
            raise dagster_failure(error) from None
        context.log.info(_describe_scope(built))
        yield from _check_results(built, checks, stage)
        if built.failed_nodes:
            raise dagster_failure(built.to_error(), **{MAY_SUCCEED_KEY: False})
        yield from _materializations(built, selected_models, ModelMetadata(stage, built, manifest, assets))

    return warehouse


def _describe_scope(built: BuildResult) -> str:
    """Say how much was read: all raw objects, or the changes and the rebuilt months."""
    if built.full_build_reason:
        return f"Everything was read, because {built.full_build_reason}"
    months = ", ".join(sorted(built.rebuilt_months))
    return f"The changes since the previous publication were read, and of the models stored by month: {months}"


def _log_node(context: dg.AssetExecutionContext, node: NodeResult) -> None:
    if node.kind != "model" and not node.is_failed:
        return  # its check result reports it; a log line for each of a hundred tests costs the run half a second
    write_line = context.log.error if node.is_failed else context.log.info
    write_line(node.line)


def _check_results(
    built: BuildResult, checks: Mapping[str, dg.AssetCheckKey], stage: Stage
) -> Iterator[dg.AssetCheckResult]:
    for node in built.nodes:
        key = checks.get(node.unique_id)
        if key is not None and node.status != "skipped":
            is_warning = node.status == "warn"
            yield dg.AssetCheckResult(
                asset_key=key.asset_key,
                check_name=key.name,
                passed=node.status == "pass",
                severity=dg.AssetCheckSeverity.WARN if is_warning else dg.AssetCheckSeverity.ERROR,
                description=node.message or None,
                metadata=dbt_test_metadata(node, built, stage),
            )


def _materializations(
    built: BuildResult, selected_models: Mapping[str, dg.AssetKey], model_metadata: ModelMetadata
) -> Iterator[dg.MaterializeResult[None]]:
    for node in built.nodes:  # in build order: Dagster wants parents first
        if node.kind == "model" and node.name in selected_models:
            yield dg.MaterializeResult(
                asset_key=selected_models[node.name], metadata=model_metadata.for_model(node.name)
            )
