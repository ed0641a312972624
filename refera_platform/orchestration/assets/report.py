"""The report as an asset below the answers: one page, linked from its metadata with a picture of it."""

import base64
from collections.abc import Iterator

import dagster as dg

from refera_platform.answers.questions import QUESTIONS
from refera_platform.answers.report.figures import READS
from refera_platform.answers.report.publish import Report, publish
from refera_platform.disk import explained
from refera_platform.errors import ReferaError
from refera_platform.orchestration import keys
from refera_platform.orchestration.metadata.labels import ANALYTICS, way
from refera_platform.orchestration.run_history.failed_steps import failure
from refera_platform.settings.stage import Stage
from refera_platform.source.catalog import TABLES

AGREES = "warehouse_agrees_with_the_lake"


def build_report_asset() -> dg.AssetsDefinition:
    """The page of the seven answers, made whenever they were."""
    answers = [dg.AssetKey(["answers", each.model]) for question in QUESTIONS for each in question.answers]

    @dg.asset(
        key=keys.REPORT,
        group_name=keys.REPORT.path[0],
        deps=[*answers, *(dg.AssetKey(["warehouse", name]) for name in READS), *map(keys.raw, TABLES)],
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
                AGREES,
                asset=keys.REPORT,
                description="Published tables have as many rows as the source tables they mirror have in the lake.",
            )
        ],
    )
    def report(
        context: dg.AssetExecutionContext, stage: dg.ResourceParam[Stage]
    ) -> Iterator[dg.MaterializeResult[None]]:
        try:
            with explained(stage.scratch):
                made = publish(stage)
        except ReferaError as trouble:
            raise failure(trouble) from None
        context.log.info(f"{made.url}: {made.size:,} bytes, {made.seconds:.2f} s")
        yield _result(made)

    return report


def _result(made: Report) -> dg.MaterializeResult[None]:
    picture = base64.b64encode(made.preview).decode()
    different = {model: rows for source in made.figures.sources for model, rows in source.differences.items()}
    told = ", ".join(f"{model} has {rows:+,} rows" for model, rows in different.items())
    return dg.MaterializeResult(
        metadata={
            "dagster/uri": made.url,
            **way("page", made.address),
            "preview": dg.MetadataValue.md(f"![The report](data:image/png;base64,{picture})"),
            "open": dg.MetadataValue.md("`refera report --open`"),
            "as_of": str(made.figures.as_of),
            "bytes": made.size,
            "seconds": round(made.seconds, 3),
        },
        check_results=[
            dg.AssetCheckResult(
                check_name=AGREES,
                passed=not different,
                severity=dg.AssetCheckSeverity.WARN,
                metadata=dict(different),
                description=f"Against the lake, {told}: build everything with `refera run`." if told else None,
            )
        ],
    )
