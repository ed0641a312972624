"""Doctor and log-retention operations of the Lambda function: ``doctor``, examined from the function's network."""

from collections.abc import Callable
from typing import Any

from refera_platform.doctor.log_retention import log_retentions
from refera_platform.doctor.preflight import LAKE_ROOT, diagnose
from refera_platform.runners.aws_lambda.event import LambdaRequest
from refera_platform.runners.aws_lambda.json_logger import JsonLogger
from refera_platform.runners.aws_lambda.messages import diagnosis_to_json, retention_to_json
from refera_platform.runners.aws_lambda.reporter import ResultReporter
from refera_platform.settings.stage import Stage
from refera_platform.source.catalog import TABLES


def handle_doctor(
    stage: Stage,
    request: LambdaRequest,
    reporter: ResultReporter,
    logger: JsonLogger,
    seconds_left: Callable[[], float],
) -> dict[str, Any]:
    """Examine everything that an ingest run needs, with the network and the role of this function."""
    return diagnosis_to_json(diagnose(stage, TABLES, roots=(LAKE_ROOT,)))


def handle_log_retention(
    stage: Stage,
    request: LambdaRequest,
    reporter: ResultReporter,
    logger: JsonLogger,
    seconds_left: Callable[[], float],
) -> dict[str, Any]:
    """Examine how long the server keeps the change-stream position of each table."""
    return {
        address: retention_to_json(retention)
        for address, retention in log_retentions(stage, request.database, request.tables).items()
    }
