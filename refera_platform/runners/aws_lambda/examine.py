"""Doctor and log-retention operations of the Lambda function: ``doctor``, examined from the function's network."""

from typing import Any

from refera_platform.doctor.log_retention import log_retentions
from refera_platform.doctor.preflight import LAKE_ROOT, diagnose
from refera_platform.json_codec import encode_values
from refera_platform.runners.aws_lambda.call import LambdaCall


def handle_doctor(call: LambdaCall) -> dict[str, Any]:
    """Examine everything that an ingest run needs, with the network and the role of this function."""
    return dict(encode_values(diagnose(call.stage, call.declared, roots=(LAKE_ROOT,))))


def handle_log_retention(call: LambdaCall) -> dict[str, Any]:
    """Examine how long the server keeps the change-stream position of each table."""
    return dict(encode_values(log_retentions(call.stage, call.request.database, call.request.tables)))
