"""The function as whoever calls it sees it: each call once, its refusals as errors of ours, throttling waited for.

event ──▶ Function.call() ──▶ answer | ReferaError

boto3 by itself calls again when an answer takes longer than a minute, which would run the function again beside itself.
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
from refera_platform.doctor.log_retention import Runway
from refera_platform.doctor.preflight import Diagnosis
from refera_platform.errors import LakeError, ReferaError, SettingError
from refera_platform.ingest.snapshot.chunks import InPieces
from refera_platform.json_fields import parsed_object
from refera_platform.runners.aws_lambda.event import Operation
from refera_platform.runners.aws_lambda.messages import diagnosis_heard, runway_heard
from refera_platform.settings.stage import Stage
from refera_platform.source.table import SourceTable

PATIENCE = 910
"""Seconds to wait for an answer: a function lives 900."""
THROTTLED = frozenset({"TooManyRequestsException", "EC2ThrottledException"})
LATER = frozenset({408, 409, 429})
"""Statuses of an answer that says: not now; besides those of the server's own troubles."""
FINAL = ("AccessDenied", "Invalid", "KMS", "EFS")
"""Parts of the names of troubles that somebody has to mend, whatever their status."""
FIRST_WAIT, LONGEST_WAIT, MOST_WAITS = 0.5, 30.0, 20
"""Seconds, seconds, and how often: about eight minutes."""
PIECE_TRIES = 3
KEPT_ALIVE = [
    (socket.IPPROTO_TCP, getattr(socket, name), seconds)
    for name, seconds in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 30))
    if hasattr(socket, name)
]
"""A NAT gateway forgets a connection that is silent for 350 s, and Linux by itself first asks after two hours."""
QUOTED = re.compile(r"""(['"]).*\1""", re.DOTALL)
"""From the first quote to the last one: a value may hold quotes itself."""
NUMBER = re.compile(r"(?<![\w.:/-])[+-]?\d[\d.,]*(?![\w:/-])")
TIMED_OUT, DIED = "Task timed out", ("Runtime.ExitError", "Runtime exited", "OutOfMemory")


class Function:
    """The function of a stage that reads the source."""

    def __init__(self, stage: Stage, pause: Callable[[float], None] = time.sleep) -> None:
        """Make a client; nothing is called yet.

        Args:
            stage: Whose function.
            pause: Waits some seconds between two attempts of a throttled call.
        """
        self._stage = stage
        self._pause = pause
        self._client = aws_client(stage.store, "lambda", attempts=1, patience=PATIENCE)
        # botocore lets nobody say how soon (boto/botocore#2916): its list of options is where it must stand
        self._client._endpoint.http_session._socket_options.extend(KEPT_ALIVE)
        self.name = stage.runner.function

    def invoke(self, **request: Any) -> dict[str, Any]:
        """What boto3's ``invoke`` of the same name answers, when the function did not fail.

        Raises:
            ReferaError: when it failed, died, could not be called, or has no room for the call for long.
        """
        for turn in range(MOST_WAITS + 1):
            try:
                answer: dict[str, Any] = self._client.invoke(**request)
                break
            except ClientError as trouble:
                if not _passes(trouble) or turn == MOST_WAITS:
                    raise self._not_called(trouble) from None
                self._pause(min(FIRST_WAIT * 2**turn, LONGEST_WAIT))
            except ReadTimeoutError:
                raise LakeError(
                    f"Function {self.name} did not answer in {PATIENCE} s:",
                    "look at its log; what it committed meanwhile counts, and the next run goes on from there.",
                    passing=True,
                ) from None
            except BotoCoreError as trouble:
                raise LakeError(
                    f"Function {self.name} could not be called ({str(trouble).rstrip('.')}):",
                    "check the network, the region and the credentials.",
                    passing=True,
                ) from None
        if "FunctionError" in answer:
            raise self._failed(answer["Payload"].read())
        return answer

    def call(self, operation: Operation, **event: Any) -> dict[str, Any]:
        """Call for one operation and give the answer.

        Raises:
            ReferaError: when it failed.
        """
        payload = {"operation": operation.value, "stage": self._stage.name, **event}
        answer = self.invoke(FunctionName=self.name, InvocationType="RequestResponse", Payload=json.dumps(payload))
        with self._understood():
            return dict(json.loads(answer["Payload"].read()))

    def piece(self, came: InPieces, number: int) -> int:
        """Let one piece be read, again if need be; says how many rows it has.

        Raises:
            ReferaError: when it failed ``PIECE_TRIES`` times, or cannot succeed.
        """
        for turn in range(1, PIECE_TRIES + 1):
            try:
                said = self.call(
                    Operation.PIECE,
                    database=came.table.database,
                    tables=[came.table.name],
                    plan=came.plan,
                    piece=number,
                )
                with self._understood():
                    return int(said["rows"])
            except SettingError:
                raise
            except ReferaError:
                if turn == PIECE_TRIES:
                    raise
                self._pause(FIRST_WAIT * 2**turn)
        raise AssertionError("a turn returns or raises")

    def doctor(self) -> Diagnosis:
        """What it finds where it runs."""
        return diagnosis_heard(self.call(Operation.DOCTOR))

    def runways(self, database: str, tables: Sequence[SourceTable]) -> dict[str, Runway]:
        """How long the log keeps the place of each table."""
        said = self.call(Operation.LOG, database=database, tables=[table.name for table in tables])
        with self._understood():
            return {table.address: runway_heard(said[table.address]) for table in tables}

    @contextmanager
    def _understood(self) -> Iterator[None]:
        """Reads an answer: of another function, or of another version of ours, it makes no sense."""
        try:
            yield
        except (ValueError, KeyError, TypeError):
            raise LakeError(
                f"Function {self.name} did not answer as ours of this version does:",
                "check REFERA_LAMBDA_EXTRACT, and deploy the function from the same release.",
            ) from None

    def _not_called(self, trouble: ClientError) -> ReferaError:
        code = trouble.response.get("Error", {}).get("Code", "?")
        words = str(trouble.response.get("Error", {}).get("Message", "")).rstrip(".")
        if _passes(trouble) and code not in THROTTLED:
            return LakeError(
                f"Lambda has not been able to call {self.name} for minutes ({code}: {words}):",
                "look at the function's state and its subnets.",
                passing=True,
            )
        if code in THROTTLED:
            return LakeError(
                f"Function {self.name} has had no room for a call for minutes ({words}):",
                "raise its reserved concurrency, or lower the limit of the source's pool.",
                passing=True,
            )
        return SettingError(
            f"Function {self.name} cannot be called ({code}: {words}):",
            "check REFERA_LAMBDA_EXTRACT, the region, and that this role may lambda:InvokeFunction on it.",
        )

    def _failed(self, payload: bytes) -> ReferaError:
        """The function's error as one of ours."""
        try:
            said = parsed_object(json.loads(payload))
        except (ValueError, TypeError):
            said = {}
        kind, words = str(said.get("errorType", "")), str(said.get("errorMessage", "")).strip()
        ours = getattr(errors, kind, None)
        if isinstance(ours, type) and issubclass(ours, ReferaError):
            return ours(words, public=_without_values(words))
        if kind == "PassingError":
            return ReferaError(words, passing=True, public=_without_values(words))
        if TIMED_OUT in words:
            return LakeError(
                f"Function {self.name} was stopped by Lambda ({words}); what it had committed counts.",
                "Raise its timeout and memory, make the pieces of large tables smaller (REFERA_PIECE_ROWS), or ask for"
                " fewer days at a time.",
            )
        if any(sign in f"{kind} {words}" for sign in DIED):
            return LakeError(
                f"Function {self.name} died without a word ({words or kind}); what it had committed counts.",
                "Look at its log; when it ran out of memory, give it more.",
                passing=True,
            )
        return LakeError(
            f"Function {self.name} failed with an error that is not ours ({kind}: {words}).",
            "Report this with the log of the function.",
            public=f"Function {self.name} failed with an error that is not ours ({kind}).",
        )


def _passes(trouble: ClientError) -> bool:
    """Whether the same call may be taken a moment later: no room, a deployment, or Lambda's own trouble."""
    status = trouble.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    code = trouble.response.get("Error", {}).get("Code", "")
    return code in THROTTLED or ((status >= 500 or status in LATER) and not any(sign in code for sign in FINAL))


def _without_values(words: str) -> str:
    """An error's words without what may be a value of a row: all that is quoted, and numbers that stand by themselves.

    Lambda hands over one text, in which nobody can tell any more which words are ours.
    """
    return NUMBER.sub("…", QUOTED.sub(r"\1…\1", words))
