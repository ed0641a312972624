"""Preflight checks and log retention, examined where the source can be reached: here, or in the Lambda function.

Examines nothing itself: ``doctor`` does, in this process or behind ``runners.aws_lambda.examine``.
"""

from collections.abc import Iterator, Sequence

from refera_platform.doctor.log_retention import LogRetention, log_retentions
from refera_platform.doctor.preflight import WAREHOUSE_ROOT, Diagnosis, Grants, examine_stage
from refera_platform.errors import ReferaError
from refera_platform.runners.aws_lambda.client import LambdaFunction
from refera_platform.settings.stage import Stage
from refera_platform.source.doctor.finding import Finding, error_finding
from refera_platform.source.table import SourceTable


def diagnose_stage(stage: Stage, tables: Sequence[SourceTable]) -> Diagnosis:
    """All preflight checks of a stage, as one diagnosis."""
    return Diagnosis.from_findings(iter_stage_findings(stage, tables))


def iter_stage_findings(stage: Stage, tables: Sequence[SourceTable]) -> Iterator[Finding | Grants]:
    """Preflight checks as they finish: source and lake where the runner reads them, the warehouse from here."""
    if not stage.runner.is_lambda:
        yield from examine_stage(stage, tables)
        return
    try:
        remote = LambdaFunction(stage).diagnose()
    except ReferaError as error:
        remote = Diagnosis(findings=[error_finding("function: call", error)], grants={})
    yield from remote.findings
    yield from (Grants(database=name, statements=each) for name, each in remote.grants.items())
    yield from examine_stage(stage, (), roots=(WAREHOUSE_ROOT,))


def log_retention_by_table(stage: Stage, database: str, tables: Sequence[SourceTable]) -> dict[str, LogRetention]:
    """How long the server keeps the change-stream position of each table, by table address.

    Raises:
        ReferaError: when the source or the function cannot be asked.
    """
    if stage.runner.is_lambda:
        return LambdaFunction(stage).log_retention_by_table(database, tables)
    return log_retentions(stage, database, tables)
