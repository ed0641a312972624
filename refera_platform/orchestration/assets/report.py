"""Dagster asset of the report: its HTML pages, downstream of the answers, with their links and a picture as metadata.

``answers.report`` renders and publishes the pages.
"""

import base64
from collections.abc import Iterator, Sequence

import dagster as dg

from refera_platform.answers.report.page_queries import read_models
from refera_platform.answers.report.publish import PublishedReport, pages, publish_reports
from refera_platform.disk import translate_disk_errors
from refera_platform.errors import QueryError, ReferaError
from refera_platform.orchestration import keys
from refera_platform.orchestration.metadata.labels import ANALYTICS, link_metadata
from refera_platform.orchestration.run_history.failed_steps import dagster_failure
from refera_platform.project.model import Project, Report
from refera_platform.settings.stage import Stage

WAREHOUSE_AGREES_CHECK = "warehouse_agrees_with_the_lake"


def build_report_asset(project: Project) -> dg.AssetsDefinition:
    """Asset of the pages of a project; it depends on everything that they show."""
    models = {name for report in pages(project) for name in (*report.answers, *_models_in_sql(report))}

    @dg.asset(
        key=keys.REPORT_KEY,
        group_name=keys.REPORT_KEY.path[0],
        deps=[*map(keys.published_model_key, sorted(models)), *map(keys.raw_table_key, project.tables)],
        description=(
            "One HTML page for each business, of the answers to its questions: charts with tables behind them, in"
            " English and Portuguese, how fresh each source table is, whether it is reconciled, and where each column"
            " comes from."
        ),
        kinds={"html"},
        owners=[ANALYTICS],
        tags={"layer": "answers"},
        pool="warehouse",
        check_specs=[
            dg.AssetCheckSpec(
                WAREHOUSE_AGREES_CHECK,
                asset=keys.REPORT_KEY,
                description="Published tables have as many rows as the source tables they mirror have in the lake.",
            )
        ],
    )
    def report(
        context: dg.AssetExecutionContext, stage: dg.ResourceParam[Stage]
    ) -> Iterator[dg.MaterializeResult[None]]:
        try:
            with translate_disk_errors(stage.scratch):
                published_reports = publish_reports(stage, project)
        except ReferaError as error:
            raise dagster_failure(error) from None
        for each in published_reports:
            context.log.info(f"{each.url}: {each.size_bytes:,} bytes, {each.seconds:.2f} s")
        yield _report_result(published_reports)

    return report


def _models_in_sql(report: Report) -> frozenset[str]:
    """Models that the page's SQL reads; none for SQL with a mistake, which the asset's own run tells."""
    try:
        return read_models(report)
    except QueryError:
        return frozenset()


def _report_result(published_reports: Sequence[PublishedReport]) -> dg.MaterializeResult[None]:
    first, *others = published_reports
    row_differences = {model: rows for source in first.figures.sources for model, rows in source.differences.items()}
    description = ", ".join(f"{model} has {rows:+,} rows" for model, rows in row_differences.items())
    return dg.MaterializeResult(
        metadata={
            "dagster/uri": first.url,
            **link_metadata("page", first.browser_url),
            **_preview_metadata(first),
            **{f"page {number}": each.url for number, each in enumerate(others, 2)},
            "open": dg.MetadataValue.md("`refera report --open`"),
            "as_of": str(first.figures.as_of),
            "bytes": sum(each.size_bytes for each in published_reports),
            "seconds": round(sum(each.seconds for each in published_reports), 3),
        },
        check_results=[
            dg.AssetCheckResult(
                check_name=WAREHOUSE_AGREES_CHECK,
                passed=not row_differences,
                severity=dg.AssetCheckSeverity.WARN,
                metadata=dict(row_differences),
                description=f"Against the lake, {description}: build everything with `refera run`."
                if description
                else None,
            )
        ],
    )


def _preview_metadata(published_report: PublishedReport) -> dict[str, dg.MetadataValue[str]]:
    if not published_report.preview:
        return {}
    encoded = base64.b64encode(published_report.preview).decode()
    return {"preview": dg.MetadataValue.md(f"![The report](data:image/png;base64,{encoded})")}
