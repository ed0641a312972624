"""What a function finds where it runs: whether a capture can succeed from there, and how long the log is kept."""

from collections.abc import Callable
from typing import Any

from refera_platform.doctor.log_retention import runways
from refera_platform.doctor.preflight import LAKE, examine
from refera_platform.runners.aws_lambda.event import Request
from refera_platform.runners.aws_lambda.journal import Journal
from refera_platform.runners.aws_lambda.listener import Listener
from refera_platform.runners.aws_lambda.messages import diagnosis_told, runway_told
from refera_platform.settings.stage import Stage
from refera_platform.source.catalog import TABLES


def doctor(
    stage: Stage, request: Request, listening: Listener, journal: Journal, left: Callable[[], float]
) -> dict[str, Any]:
    """Look at everything that a capture needs, and may be done by this function's role."""
    return diagnosis_told(examine(stage, TABLES, roots=(LAKE,)))


def runway(
    stage: Stage, request: Request, listening: Listener, journal: Journal, left: Callable[[], float]
) -> dict[str, Any]:
    """How long the log keeps the place where each table goes on."""
    return {address: runway_told(found) for address, found in runways(stage, request.database, request.tables).items()}
