"""The dbt models as assets, built, audited and published by the warehouse room in one step.

dagster-dbt reads the manifest and makes the assets and their checks; dbt itself runs in this process, which
spares the ``dbt --version`` call and the second start of Python that its command line resource costs.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtProject, dbt_assets

from refera_platform.disk import explained
from refera_platform.errors import ReferaError
from refera_platform.orchestration import keys
from refera_platform.orchestration.metadata.column_lineage import asset_keys
from refera_platform.orchestration.metadata.dbt_model import ModelMetadata, code_of, of_test
from refera_platform.orchestration.metadata.labels import of_model
from refera_platform.orchestration.run_history.failed_steps import AGAIN, failure
from refera_platform.settings.stage import Stage
from refera_platform.warehouse.build.node_result import NodeResult
from refera_platform.warehouse.build.result import Built
from refera_platform.warehouse.build.run import build
from refera_platform.warehouse.dbt_manifest import ensure
from refera_platform.warehouse.dbt_project import MANIFEST

UNIQUE_ID = "dagster_dbt/unique_id"
"""Metadata in which dagster-dbt keeps the dbt node of an asset or a check."""
FULL_REFRESH = "refera/full-refresh"
"""Tag of a run that builds the warehouse from all that ever happened, and not from the day's changes."""
Event = dg.MaterializeResult[None] | dg.AssetCheckResult


class Translator(DagsterDbtTranslator):
    """Our keys and labels for dbt's nodes; descriptions and versions are dbt's own."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self._stage = stage

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """Key of a model or source."""
        return keys.of_dbt(dbt_resource_props)

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """Group of a model: staging, warehouse or answers."""
        return keys.GROUPS.get(dbt_resource_props["fqn"][1])

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None) -> dg.AssetSpec:
        """The asset of a model, with who answers for it and the words it is found by."""
        spec, node = super().get_asset_spec(manifest, unique_id, project), manifest["nodes"].get(unique_id)
        if node is None:  # a source: the raw assets are their own
            return spec
        groups = {group["name"]: group for group in manifest["groups"].values()}
        labels = of_model(node, groups)
        return spec.replace_attributes(
            owners=labels["owners"],
            tags={**spec.tags, **labels["tags"]},
            kinds=labels["kinds"],
            metadata={**spec.metadata, **code_of(node, self._stage)},
        )


def build_dbt_assets(stage: Stage) -> dg.AssetsDefinition:
    """The models of the dbt project, which is parsed first when a file of it is younger than its manifest."""
    ensure()
    manifest = json.loads(MANIFEST.read_text())
    assets, translator = asset_keys(manifest), Translator(stage)

    @dbt_assets(manifest=manifest, dagster_dbt_translator=translator, name="warehouse", pool="warehouse")
    def warehouse(context: dg.AssetExecutionContext, stage: dg.ResourceParam[Stage]) -> Iterator[Event]:
        chosen = {
            context.assets_def.specs_by_key[key].metadata[UNIQUE_ID].split(".")[-1]: key
            for key in context.selected_asset_keys
        }
        checks = {
            spec.metadata[UNIQUE_ID]: spec.key
            for spec in context.assets_def.check_specs
            if spec.key in context.selected_asset_check_keys
        }
        audited = {key.asset_key.path[-1] for key in checks.values()}
        try:
            with explained(stage.scratch):
                built = build(
                    stage,
                    set(chosen) or audited,
                    progress=lambda node: _tell(context, node),
                    publishing=bool(chosen),
                    full_refresh=FULL_REFRESH in context.run.tags,
                )
        except ReferaError as trouble:
            raise failure(trouble) from None
        context.log.info(_scope(built))
        yield from _check_results(built, checks, stage)
        if built.red:
            raise failure(built.failure(), **{AGAIN: False})
        yield from _materializations(built, chosen, ModelMetadata(stage, built, manifest, assets))

    return warehouse


def _scope(built: Built) -> str:
    """How much was built."""
    if built.reason:
        return f"Everything was read, because {built.reason}"
    months = ", ".join(sorted(built.months))
    return f"The changes since the publication before were read, and of what is stored by month: {months}"


def _tell(context: dg.AssetExecutionContext, node: NodeResult) -> None:
    if node.kind != "model" and not node.is_red:
        return  # its check tells; a line more for each of a hundred costs the run half a second
    say = context.log.error if node.is_red else context.log.info
    say(node.said)


def _check_results(built: Built, checks: Mapping[str, dg.AssetCheckKey], stage: Stage) -> Iterator[dg.AssetCheckResult]:
    for node in built.nodes:
        key = checks.get(node.unique_id)
        if key is not None and node.status != "skipped":
            warned = node.status == "warn"
            yield dg.AssetCheckResult(
                asset_key=key.asset_key,
                check_name=key.name,
                passed=node.status == "pass",
                severity=dg.AssetCheckSeverity.WARN if warned else dg.AssetCheckSeverity.ERROR,
                description=node.message or None,
                metadata=of_test(node, built, stage),
            )


def _materializations(
    built: Built, chosen: Mapping[str, dg.AssetKey], told: ModelMetadata
) -> Iterator[dg.MaterializeResult[None]]:
    for node in built.nodes:  # in the order they were built: Dagster wants parents first
        if node.kind == "model" and node.name in chosen:
            yield dg.MaterializeResult(asset_key=chosen[node.name], metadata=told.of(node.name))
