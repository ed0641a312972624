"""What must be asked where the source can be reached: here, or of the function that runs there."""

from collections.abc import Iterator, Sequence

from refera_platform.doctor.log_retention import Runway, runways
from refera_platform.doctor.preflight import WAREHOUSE, Diagnosis, Grants, examined
from refera_platform.errors import ReferaError
from refera_platform.runners.aws_lambda.client import Function
from refera_platform.settings.stage import Stage
from refera_platform.source.doctor.finding import Finding, failed
from refera_platform.source.table import SourceTable


def diagnosis_of(stage: Stage, tables: Sequence[SourceTable]) -> Diagnosis:
    """Whether everything holds that a run needs, once all of it was looked at."""
    return Diagnosis.of(diagnosed(stage, tables))


def diagnosed(stage: Stage, tables: Sequence[SourceTable]) -> Iterator[Finding | Grants]:
    """Whether everything holds that a run needs: source and lake where they are read, the warehouse from here."""
    if not stage.runner.is_lambda:
        yield from examined(stage, tables)
        return
    try:
        there = Function(stage).doctor()
    except ReferaError as trouble:
        there = Diagnosis(findings=[failed("function: call", trouble)])
    yield from there.findings
    yield from (Grants(database=name, statements=each) for name, each in there.grants.items())
    yield from examined(stage, (), roots=(WAREHOUSE,))


def runways_of(stage: Stage, database: str, tables: Sequence[SourceTable]) -> dict[str, Runway]:
    """How long the log keeps the place where each table goes on, by address.

    Raises:
        ReferaError: when that cannot be asked.
    """
    if stage.runner.is_lambda:
        return Function(stage).runways(database, tables)
    return runways(stage, database, tables)
