"""Client of the Lambda function: calls it once for each request, maps its errors to ours, waits when throttled.

event ──▶ LambdaFunction.call_operation() ──▶ answer | ReferaError

boto3 by itself calls again when an answer takes longer than a minute, and then two calls would run side by side.
``handler`` is the function's side.
"""

import json
import re
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError

from refera_platform import errors
from refera_platform.aws import aws_client
from refera_platform.doctor.log_retention import LogRetention
from refera_platform.doctor.preflight import Diagnosis
from refera_platform.errors import LakeError, ReferaError, SettingError
from refera_platform.ingest.snapshot.chunks import PendingChunks
from refera_platform.json_codec import parse_json_object
from refera_platform.runners.aws_lambda.event import Operation
from refera_platform.runners.aws_lambda.messages import decode_message
from refera_platform.settings.stage import Stage
from refera_platform.source.table import SourceTable

ANSWER_TIMEOUT_SECONDS = 910
"""Seconds to wait for an answer; Lambda stops a function after 900."""
THROTTLED_CODES = frozenset({"TooManyRequestsException", "EC2ThrottledException"})
RETRYABLE_STATUSES = frozenset({408, 409, 429})
"""HTTP statuses of temporary refusals, besides the server errors (5xx)."""
PERMANENT_ERROR_PARTS = ("AccessDenied", "Invalid", "KMS", "EFS")
"""Parts of error codes that need a person's correction, whatever the HTTP status."""
FIRST_WAIT_SECONDS, MAX_WAIT_SECONDS, MAX_WAITS = 0.5, 30.0, 20
"""First and longest wait in seconds, and number of waits: about eight minutes in all."""
MAX_CHUNK_ATTEMPTS = 3
TCP_KEEPALIVE_OPTIONS = [
    (socket.IPPROTO_TCP, getattr(socket, name), seconds)
    for name, seconds in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 30))
    if hasattr(socket, name)
]
"""A NAT gateway drops a connection that is silent for 350 s; Linux sends its first keepalive after two hours."""
QUOTED_PATTERN = re.compile(r"""(['"]).*\1""", re.DOTALL)
"""Matches from the first quote to the last one, because a value may contain quotes."""
NUMBER_PATTERN = re.compile(r"(?<![\w.:/-])[+-]?\d[\d.,]*(?![\w:/-])")
TIMEOUT_MARKER, CRASH_MARKERS = "Task timed out", ("Runtime.ExitError", "Runtime exited", "OutOfMemory")


class LambdaFunction:
    """Client of the function that reads the source of a stage."""

    def __init__(self, stage: Stage, sleep: Callable[[float], None] = time.sleep) -> None:
        """Make the client; calls nothing yet.

        Args:
            stage: The stage whose function is called.
            sleep: Waits a number of seconds between two attempts of a throttled call.
        """
        self._stage = stage
        self._sleep = sleep
        self._client = aws_client(stage.store, "lambda", max_attempts=1, read_timeout_seconds=ANSWER_TIMEOUT_SECONDS)
        # botocore has no setting for the keepalive interval (boto/botocore#2916), so its option list is extended
        self._client._endpoint.http_session._socket_options.extend(TCP_KEEPALIVE_OPTIONS)
        self.name = stage.runner.function_name

    def invoke(self, **request: Any) -> dict[str, Any]:
        """Call the function like boto3's ``invoke``; returns its answer when the function succeeded.

        Raises:
            ReferaError: when the function failed or crashed, cannot be called, or stays throttled.
        """
        for attempt in range(MAX_WAITS + 1):
            try:
                answer: dict[str, Any] = self._client.invoke(**request)
                break
            except ClientError as error:
                if not _is_passing(error) or attempt == MAX_WAITS:
                    raise self._call_error(error) from None
                self._sleep(min(FIRST_WAIT_SECONDS * 2**attempt, MAX_WAIT_SECONDS))
            except ReadTimeoutError:
                raise LakeError(
                    f"Function {self.name} did not answer in {ANSWER_TIMEOUT_SECONDS} s:",
                    "look at its log; what it committed meanwhile counts, and the next run goes on from there.",
                    is_transient=True,
                ) from None
            except BotoCoreError as error:
                raise LakeError(
                    f"Function {self.name} could not be called ({str(error).rstrip('.')}):",
                    "check the network, the region and the credentials.",
                    is_transient=True,
                ) from None
        if "FunctionError" in answer:
            raise self._function_error(answer["Payload"].read())
        return answer

    def call_operation(self, operation: Operation, **event: Any) -> dict[str, Any]:
        """Call the function for one operation and return its answer.

        Raises:
            ReferaError: when the call failed.
        """
        payload = {"operation": operation.value, "stage": self._stage.name, **event}
        answer = self.invoke(FunctionName=self.name, InvocationType="RequestResponse", Payload=json.dumps(payload))
        with self._reading_answer():
            return parse_json_object(answer["Payload"].read())

    def read_chunk(self, chunked_table: PendingChunks, chunk_number: int) -> int:
        """Have one chunk read, with retries; returns its number of rows.

        Raises:
            ReferaError: when it failed ``MAX_CHUNK_ATTEMPTS`` times, or cannot succeed.
        """
        for attempt in range(1, MAX_CHUNK_ATTEMPTS + 1):
            try:
                answer = self.call_operation(
                    Operation.CHUNK,
                    database=chunked_table.table.database,
                    tables=[chunked_table.table.name],
                    plan=chunked_table.plan_id,
                    piece=chunk_number,
                )
                with self._reading_answer():
                    return int(answer["rows"])
            except SettingError:
                raise
            except ReferaError:
                if attempt == MAX_CHUNK_ATTEMPTS:
                    raise
                self._sleep(FIRST_WAIT_SECONDS * 2**attempt)
        raise AssertionError("a turn returns or raises")

    def diagnose(self) -> Diagnosis:
        """Preflight checks, examined by the function."""
        return decode_message(self.call_operation(Operation.DOCTOR), Diagnosis)

    def log_retention_by_table(self, database: str, tables: Sequence[SourceTable]) -> dict[str, LogRetention]:
        """How long the server keeps the change-stream position of each table, by table address."""
        answer = self.call_operation(
            Operation.LOG_RETENTION, database=database, tables=[table.name for table in tables]
        )
        with self._reading_answer():
            return {table.address: decode_message(answer[table.address], LogRetention) for table in tables}

    @contextmanager
    def _reading_answer(self) -> Iterator[None]:
        """Turn an unreadable answer into a LakeError: it is from another function or another version."""
        try:
            yield
        except (ValueError, KeyError, TypeError):
            raise LakeError(
                f"Function {self.name} gave an answer that this version does not understand:",
                "check REFERA_LAMBDA_EXTRACT, and deploy the function from the same release.",
            ) from None

    def _call_error(self, error: ClientError) -> ReferaError:
        code = error.response.get("Error", {}).get("Code", "?")
        message = str(error.response.get("Error", {}).get("Message", "")).rstrip(".")
        if _is_passing(error) and code not in THROTTLED_CODES:
            return LakeError(
                f"Lambda has not been able to call {self.name} for minutes ({code}: {message}):",
                "look at the function's state and its subnets.",
                is_transient=True,
            )
        if code in THROTTLED_CODES:
            return LakeError(
                f"Function {self.name} has been throttled for minutes ({message}):",
                "raise its reserved concurrency, or lower the limit of the source's pool.",
                is_transient=True,
            )
        return SettingError(
            f"Function {self.name} cannot be called ({code}: {message}):",
            "check REFERA_LAMBDA_EXTRACT, the region, and that this role may lambda:InvokeFunction on it.",
        )

    def _function_error(self, payload: bytes) -> ReferaError:
        """Error of the function as one of our classes."""
        try:
            content = parse_json_object(payload)
        except ValueError:
            content = {}
        kind, message = str(content.get("errorType", "")), str(content.get("errorMessage", "")).strip()
        error_class = getattr(errors, kind, None)
        if isinstance(error_class, type) and issubclass(error_class, ReferaError):
            return error_class(message, public_problem=_without_values(message))
        if kind == "PassingError":
            return ReferaError(message, is_transient=True, public_problem=_without_values(message))
        if TIMEOUT_MARKER in message:
            return LakeError(
                f"Function {self.name} was stopped by Lambda ({message}); what it had committed counts.",
                "Raise its timeout and memory, make the chunks of large tables smaller (REFERA_PIECE_ROWS), or ask for"
                " fewer days at a time.",
            )
        if any(sign in f"{kind} {message}" for sign in CRASH_MARKERS):
            return LakeError(
                f"Function {self.name} died without an answer ({message or kind}); what it had committed counts.",
                "Look at its log; when it ran out of memory, give it more.",
                is_transient=True,
            )
        return LakeError(
            f"Function {self.name} failed with an error that is not from refera_platform ({kind}: {message}).",
            "Report this with the log of the function.",
            public_problem=f"Function {self.name} failed with an error that is not from refera_platform ({kind}).",
        )


def _is_passing(error: ClientError) -> bool:
    """Whether the call can succeed soon: the function is throttled or being deployed, or Lambda itself failed."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    code = error.response.get("Error", {}).get("Code", "")
    return code in THROTTLED_CODES or (
        (status >= 500 or status in RETRYABLE_STATUSES) and not any(sign in code for sign in PERMANENT_ERROR_PARTS)
    )


def _without_values(text: str) -> str:
    """Error text without possible values of rows: everything quoted, and numbers that stand alone, are replaced.

    Lambda returns one text, in which our own words cannot be separated from quoted values.
    """
    return NUMBER_PATTERN.sub("…", QUOTED_PATTERN.sub(r"\1…\1", text))
