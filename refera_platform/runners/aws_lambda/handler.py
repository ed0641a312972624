"""The function that reads the source, for AWS Lambda: the same capture as in any other process, behind an event.

    event ──▶ Request ──▶ capture | piece | doctor | log ──▶ the answer, and messages to Dagster when it made the call

A call that refused a table fails, unless Dagster listens: then it is told, and the other tables count. Calling it
twice changes nothing, so Lambda's own retries are safe.
"""

from collections.abc import Callable, Mapping
from typing import Any

from refera_platform.duckdb_session.secrets import redact
from refera_platform.errors import ReferaError, SettingError
from refera_platform.runners.aws_lambda import listener
from refera_platform.runners.aws_lambda.chunk import piece
from refera_platform.runners.aws_lambda.environment import stage_of
from refera_platform.runners.aws_lambda.event import Operation, Request, read, require_days_in_calendar
from refera_platform.runners.aws_lambda.examine import doctor, runway
from refera_platform.runners.aws_lambda.ingest import capture
from refera_platform.runners.aws_lambda.journal import Journal, quiet_libraries, secrets_of
from refera_platform.runners.aws_lambda.listener import Listener
from refera_platform.settings.stage import Stage, environment

Answer = dict[str, Any]
Operated = Callable[[Stage, Request, Listener, Journal, Callable[[], float]], Answer]
OPERATIONS: Mapping[Operation, Operated] = {
    Operation.CAPTURE: capture,
    Operation.PIECE: piece,
    Operation.DOCTOR: doctor,
    Operation.LOG: runway,
}


class PassingError(ReferaError):
    """What another call may not meet: the name of the error is all that a caller sees beside its words."""


def handler(event: object, context: Any) -> Answer:
    """Answer one call of Lambda.

    Args:
        event: What is asked for (``event.py``).
        context: Lambda's own: the name of the function, the call's id, and how much time is left.

    Returns:
        What was done, as JSON; of a capture each table with its days, rows and objects.

    Raises:
        ReferaError: what stands in the way, without any secret; Lambda reports it as the error of the call.
    """
    quiet_libraries()
    journal = Journal(context.function_name, context.aws_request_id)
    try:
        request = read(event)
        stage = stage_of(environment(), reads_source=True)
        journal.hide(secrets_of(stage))
        if request.stage != stage.name:
            raise SettingError(
                f"The event is for stage {request.stage[:40]!a}, and this function is of stage {stage.name}:",
                "call the function of that stage.",
            )
        require_days_in_calendar(request, stage)
        journal.info(
            "begun",
            operation=request.operation.value,
            tables=[table.address for table in request.tables],
            days=request.days,
            scheduled_at=request.scheduled_at,
        )
        pipes = event if isinstance(event, dict) else {}
        with listener.opened(pipes, stage.store, stage.runner.messages) as listening:
            answer = OPERATIONS[request.operation](
                stage, request, listening, journal, lambda: context.get_remaining_time_in_millis() / 1000
            )
    except ReferaError as trouble:
        journal.error("failed", error=type(trouble).__name__, trouble=str(trouble), passing=trouble.passing)
        raise _told(trouble, journal) from None
    journal.info("done", operation=request.operation.value)
    return answer


def _told(trouble: ReferaError, journal: Journal) -> ReferaError:
    """The error as the caller may see it."""
    kind = PassingError if trouble.passing else type(trouble)
    return kind(redact(str(trouble), journal.secrets), passing=trouble.passing)
