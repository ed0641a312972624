"""Dagster assets of the dbt models: one multi-asset step builds, tests and publishes the selected models.

dagster-dbt makes the asset and check specs from the manifest. ``warehouse.build`` runs dbt in this process, which
saves the ``dbt --version`` call and the second start of Python that ``DbtCliResource`` costs.
``metadata.dbt_results`` turns the result of the build into events.
"""

import json
from collections.abc import Iterator, Sequence

import dagster as dg
from dagster_dbt import dbt_assets

from refera_platform.disk import translate_disk_errors
from refera_platform.errors import ReferaError
from refera_platform.orchestration.metadata.column_lineage import dbt_asset_keys
from refera_platform.orchestration.metadata.dbt_model import ModelMetadata
from refera_platform.orchestration.metadata.dbt_results import (
    dbt_check_results,
    dbt_materializations,
    describe_scope,
    log_node,
)
from refera_platform.orchestration.metadata.dbt_translator import DbtTranslator, without_published_tables
from refera_platform.orchestration.run_history.failed_steps import MAY_SUCCEED_KEY, dagster_failure
from refera_platform.orchestration.run_request import FULL_REFRESH_TAG
from refera_platform.settings.stage import Stage
from refera_platform.source.table import SourceTable
from refera_platform.warehouse.build.run import BuildRequest, build_warehouse
from refera_platform.warehouse.dbt_manifest import ensure_manifest
from refera_platform.warehouse.dbt_project import MANIFEST_FILE

UNIQUE_ID_KEY = "dagster_dbt/unique_id"
"""Metadata key under which dagster-dbt keeps the dbt ``unique_id`` of an asset or a check."""
DbtAssetEvent = dg.MaterializeResult[None] | dg.AssetCheckResult


def build_dbt_assets(stage: Stage, tables: Sequence[SourceTable]) -> dg.AssetsDefinition:
    """Multi-asset of all dbt models; parses the project first when one of its files is newer than the manifest."""
    ensure_manifest()
    manifest = without_published_tables(json.loads(MANIFEST_FILE.read_text()))
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
                request = BuildRequest(
                    selected=set(selected_models) or checked_models,
                    is_publishing=bool(selected_models),
                    full_refresh=FULL_REFRESH_TAG in context.run.tags,
                )
                built = build_warehouse(stage, tables, request, lambda node: log_node(context.log, node))
        except ReferaError as error:
            raise dagster_failure(error) from None
        context.log.info(describe_scope(built))
        yield from dbt_check_results(built, checks, stage)
        if built.failed_nodes:
            raise dagster_failure(built.to_error(), **{MAY_SUCCEED_KEY: False})
        yield from dbt_materializations(built, selected_models, ModelMetadata(stage, built, manifest, assets))

    return warehouse
