"""Lambda handler of the function that reads the source: dispatches an event to its operation.

    event ──▶ parse_event() ──▶ ingest | chunk | doctor | log retention ──▶ answer, and messages to Dagster

A call in which a table failed fails as a whole, unless Dagster made it: then Dagster receives the failure, and the
other tables count. Calling twice with one event changes nothing, so Lambda's own retries are safe.
"""

from collections.abc import Callable, Mapping
from typing import Any

from refera_platform.duckdb_session.secrets import redact
from refera_platform.errors import ReferaError, SettingError
from refera_platform.project.compiled import read_compiled_tables
from refera_platform.runners.aws_lambda.call import LambdaCall
from refera_platform.runners.aws_lambda.chunk import handle_chunk
from refera_platform.runners.aws_lambda.environment import lambda_stage
from refera_platform.runners.aws_lambda.event import Operation, parse_event, require_days_in_calendar
from refera_platform.runners.aws_lambda.examine import handle_doctor, handle_log_retention
from refera_platform.runners.aws_lambda.ingest import handle_ingest
from refera_platform.runners.aws_lambda.json_logger import JsonLogger, quiet_libraries, stage_secrets
from refera_platform.runners.aws_lambda.reporter import open_reporter
from refera_platform.settings.stage import child_environment, project_folder

Answer = dict[str, Any]
OPERATION_HANDLERS: Mapping[Operation, Callable[[LambdaCall], Answer]] = {
    Operation.INGEST: handle_ingest,
    Operation.CHUNK: handle_chunk,
    Operation.DOCTOR: handle_doctor,
    Operation.LOG_RETENTION: handle_log_retention,
}


class PassingError(ReferaError):
    """Transient error of a call. The caller sees only the name of the class and the message."""


def handler(event: object, context: Any) -> Answer:
    """Answer one call of Lambda.

    Args:
        event: The request (see ``event.py``).
        context: Lambda's context: name of the function, id of the call, remaining time.

    Returns:
        What was done, as JSON; for an ingest each table with its days, rows and objects.

    Raises:
        ReferaError: why the call failed, without any secret; Lambda reports it as the error of the call.
    """
    quiet_libraries()
    logger = JsonLogger(context.function_name, context.aws_request_id)
    try:
        declared = read_compiled_tables(project_folder())
        request = parse_event(event, declared)
        stage = lambda_stage(child_environment(), reads_source=True)
        logger.hide(stage_secrets(stage))
        if request.stage != stage.name:
            raise SettingError(
                f"The event is for stage {request.stage[:40]!a}, and this function is of stage {stage.name}:",
                "call the function of that stage.",
            )
        require_days_in_calendar(request, stage)
        logger.info(
            "begun",
            operation=request.operation.value,
            tables=[table.address for table in request.tables],
            days=request.days,
            scheduled_at=request.scheduled_at,
        )
        pipes = event if isinstance(event, dict) else {}
        with open_reporter(pipes, stage.store, stage.runner.messages_bucket) as reporter:
            call = LambdaCall(
                stage=stage,
                request=request,
                declared=declared,
                reporter=reporter,
                logger=logger,
                lambda_context=context,
            )
            answer = OPERATION_HANDLERS[request.operation](call)
    except ReferaError as error:
        logger.error("failed", error=type(error).__name__, trouble=str(error), passing=error.is_transient)
        raise _public_error(error, logger) from None
    logger.info("done", operation=request.operation.value)
    return answer


def _public_error(error: ReferaError, logger: JsonLogger) -> ReferaError:
    """The error for the caller: with secrets redacted."""
    error_class = PassingError if error.is_transient else type(error)
    return error_class(redact(str(error), logger.secrets), is_transient=error.is_transient)
