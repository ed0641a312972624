"""Dagster asset of the report: one HTML page, downstream of the answers, with its link and picture as metadata.

``answers.report`` renders and publishes the page.
"""

import base64
from collections.abc import Iterator

import dagster as dg

from refera_platform.answers.questions import QUESTIONS
from refera_platform.answers.report.figures import REQUIRED_MODELS
from refera_platform.answers.report.publish import PublishedReport, publish_report
from refera_platform.disk import translate_disk_errors
from refera_platform.errors import ReferaError
from refera_platform.orchestration import keys
from refera_platform.orchestration.metadata.labels import ANALYTICS, link_metadata
from refera_platform.orchestration.run_history.failed_steps import dagster_failure
from refera_platform.settings.stage import Stage
from refera_platform.source.catalog import TABLES

WAREHOUSE_AGREES_CHECK = "warehouse_agrees_with_the_lake"


def build_report_asset() -> dg.AssetsDefinition:
    """Asset of the page with the seven answers; it depends on everything that the page shows."""
    answers = [dg.AssetKey(["answers", each.model]) for question in QUESTIONS for each in question.answers]

    @dg.asset(
        key=keys.REPORT_KEY,
        group_name=keys.REPORT_KEY.path[0],
        deps=[
            *answers,
            *(dg.AssetKey(["warehouse", name]) for name in REQUIRED_MODELS),
            *map(keys.raw_table_key, TABLES),
        ],
        description=(
            "One HTML page of the answers to the seven questions: charts with tables behind them, in English and"
            " Portuguese, how fresh each source table is, whether it is reconciled, and where each column comes from."
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
                published_report = publish_report(stage)
        except ReferaError as error:
            raise dagster_failure(error) from None
        context.log.info(
            f"{published_report.url}: {published_report.size_bytes:,} bytes, {published_report.seconds:.2f} s"
        )
        yield _report_result(published_report)

    return report


def _report_result(published_report: PublishedReport) -> dg.MaterializeResult[None]:
    encoded_preview = base64.b64encode(published_report.preview).decode()
    row_differences = {
        model: rows for source in published_report.figures.sources for model, rows in source.differences.items()
    }
    description = ", ".join(f"{model} has {rows:+,} rows" for model, rows in row_differences.items())
    return dg.MaterializeResult(
        metadata={
            "dagster/uri": published_report.url,
            **link_metadata("page", published_report.browser_url),
            "preview": dg.MetadataValue.md(f"![The report](data:image/png;base64,{encoded_preview})"),
            "open": dg.MetadataValue.md("`refera report --open`"),
            "as_of": str(published_report.figures.as_of),
            "bytes": published_report.size_bytes,
            "seconds": round(published_report.seconds, 3),
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
