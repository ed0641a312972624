"""What must be asked where the source can be reached: here, or of the function that runs there."""

from collections.abc import Sequence

from refera_platform.errors import ReferaError
from refera_platform.lake.doctor import WAREHOUSE, Diagnosis, examine
from refera_platform.lake.runway import Runway, runways
from refera_platform.remote.function import Function
from refera_platform.source.doctor.finding import failed
from refera_platform.source.table import SourceTable
from refera_platform.stage import Stage


def diagnosis_of(stage: Stage, tables: Sequence[SourceTable]) -> Diagnosis:
    """Whether everything holds that a run needs: source and lake where they are read, the warehouse from here."""
    if not stage.runner.is_lambda:
        return examine(stage, tables)
    here = examine(stage, (), roots=(WAREHOUSE,))
    try:
        there = Function(stage).doctor()
    except ReferaError as trouble:
        there = Diagnosis(findings=[failed("function: call", trouble)])
    return Diagnosis(findings=[*there.findings, *here.findings], grants=there.grants)


def runways_of(stage: Stage, database: str, tables: Sequence[SourceTable]) -> dict[str, Runway]:
    """How long the log keeps the place where each table goes on, by address.

    Raises:
        ReferaError: when that cannot be asked.
    """
    if stage.runner.is_lambda:
        return Function(stage).runways(database, tables)
    return runways(stage, database, tables)
