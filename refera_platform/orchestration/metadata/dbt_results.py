"""Results of a warehouse build for Dagster: check results of its tests, materializations of its models, log lines.

BuildResult ──▶ dbt_check_results() and dbt_materializations() ──▶ events of the step

``metadata.dbt_model`` makes the metadata of each model and test.
"""

import logging
from collections.abc import Iterator, Mapping

import dagster as dg

from refera_platform.orchestration.metadata.dbt_model import ModelMetadata, dbt_test_metadata
from refera_platform.settings.stage import Stage
from refera_platform.warehouse.build.node_result import NodeResult
from refera_platform.warehouse.build.result import BuildResult


def describe_scope(built: BuildResult) -> str:
    """Say how much was read: all raw objects, or the changes and the rebuilt months."""
    if built.full_build_reason:
        return f"Everything was read, because {built.full_build_reason}"
    months = ", ".join(sorted(built.rebuilt_months))
    return f"The changes since the previous publication were read, and of the models stored by month: {months}"


def log_node(log: logging.Logger, node: NodeResult) -> None:
    """Log a finished model, or whatever failed, in the run's log."""
    if node.kind != "model" and not node.is_failed:
        return  # its check result reports it; a log line for each of a hundred tests costs the run half a second
    write_line = log.error if node.is_failed else log.info
    write_line(node.line)


def dbt_check_results(
    built: BuildResult, checks: Mapping[str, dg.AssetCheckKey], stage: Stage
) -> Iterator[dg.AssetCheckResult]:
    """Results of the dbt tests that were executed.

    Args:
        built: The build.
        checks: Check key of each test, by its dbt ``unique_id``.
        stage: Says whether rows may be shown.
    """
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


def dbt_materializations(
    built: BuildResult, selected_models: Mapping[str, dg.AssetKey], model_metadata: ModelMetadata
) -> Iterator[dg.MaterializeResult[None]]:
    """Materializations of the models that were built.

    Args:
        built: The build.
        selected_models: Asset key of each selected model, by its name.
        model_metadata: Makes the metadata of a model.
    """
    for node in built.nodes:  # in build order: Dagster wants parents first
        if node.kind == "model" and node.name in selected_models:
            yield dg.MaterializeResult(
                asset_key=selected_models[node.name], metadata=model_metadata.for_model(node.name)
            )
