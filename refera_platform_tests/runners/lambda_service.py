"""A small AWS Lambda on a loopback port: boto3 and Dagster call it like the real one, and AWS's runtime client answers.

    with LambdaService(folder) as service:
        service.add(Function(name="refera-extract", package=folder, handler="module.handler"))
        boto3.client("lambda", endpoint_url=service.endpoint).invoke(FunctionName="refera-extract", …)

Emulated: cold and warm environments, concurrency, time-outs, memory, a read-only file system, 6 MB, the tail of 4 KB of
the log, asynchronous calls with two more tries and destinations. Not emulated: IAM, VPCs, and how AWS scales.
"""

import base64
import json
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from refera_platform_tests.runners.lambda_environment import Call, Environment, Function

MOST_BYTES = 6 * 1024 * 1024
TAIL = 4096
TRIES = 3


@dataclass(kw_only=True)
class Invoked:
    """What was asked of a function, and what came of it."""

    event: Any
    kind: str
    error: str = ""
    is_cold: bool = False


@dataclass(kw_only=True)
class Deployed:
    """A function and what runs of it."""

    function: Function
    environments: list[Environment] = field(default_factory=list)
    idle: list[Environment] = field(default_factory=list)
    busy: int = 0
    invoked: list[Invoked] = field(default_factory=list)
    on_success: str = ""
    """Name of the function that is called with what an asynchronous call answered."""
    failed: list[dict[str, Any]] = field(default_factory=list)
    """Envelopes of asynchronous calls that failed for good: what a queue for them would get."""


class LambdaService:
    """The service and its functions."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._deployed: dict[str, Deployed] = {}
        self.refusals: list[tuple[int, dict[str, str], bytes]] = []
        """What the next calls are answered with, whatever they ask for: troubles of Lambda's own."""
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _invoke_api(self))
        self._server.daemon_threads = True

    def __enter__(self) -> "LambdaService":
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        for deployed in self._deployed.values():
            for environment in deployed.environments:
                environment.close()

    @property
    def endpoint(self) -> str:
        """What boto3's ``endpoint_url`` is."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def add(self, function: Function, *, on_success: str = "") -> None:
        """Deploy a function, or a new version of it: environments of the old one are gone."""
        before = self._deployed.get(function.name)
        for environment in before.environments if before else []:
            environment.close()
        self._deployed[function.name] = Deployed(function=function, on_success=on_success)

    def of(self, name: str) -> Deployed:
        """A function by its name or ARN."""
        return self._deployed[name.split(":function:")[-1].split(":")[0]]

    def logs(self, name: str) -> str:
        """What all environments of a function wrote."""
        return "".join(environment.log for environment in self.of(name).environments)

    def settle(self) -> None:
        """Wait for asynchronous calls, those that they lead to included."""
        while self._threads:
            self._threads.pop().join()

    def call(self, name: str, payload: bytes, kind: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the answer to one call of the Invoke API."""
        if self.refusals:
            return self.refusals.pop(0)
        try:
            deployed = self.of(name)
        except KeyError:
            return _refused(404, "ResourceNotFoundException", f"Function not found: {name}")
        if len(payload) > MOST_BYTES:
            said = f"Request must be smaller than {MOST_BYTES} bytes for the InvokeFunction operation"
            return _refused(413, "RequestTooLargeException", said)
        try:
            event = json.loads(payload or b"{}")
        except ValueError as error:
            return _refused(400, "InvalidRequestContentException", f"Could not parse request body into json: {error}")
        if kind == "DryRun":
            return 204, {}, b""
        if kind == "Event":
            thread = threading.Thread(target=self._asynchronous, args=(deployed, event))
            self._threads.append(thread)
            thread.start()
            return 202, {}, b""
        environment = self._taken(deployed)
        if environment is None:
            body = json.dumps(
                {
                    "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded",
                    "Type": "User",
                    "message": "Rate Exceeded.",
                }
            )
            return 429, {"x-amzn-errortype": "TooManyRequestsException"}, body.encode()
        done, tail = self._run(deployed, environment, event, kind)
        headers = {
            "X-Amz-Executed-Version": "$LATEST",
            "X-Amz-Log-Result": base64.b64encode(tail[-TAIL:]).decode(),
        }
        return 200, {**headers, **({"X-Amz-Function-Error": done.error} if done.error else {})}, done.answer

    def _taken(self, deployed: Deployed) -> Environment | None:
        """A warm environment, or a new one; ``None`` when the function may not run more."""
        with self._lock:
            reserved = deployed.function.reserved
            if reserved is not None and deployed.busy >= reserved:
                return None
            deployed.busy += 1
            warm = [each for each in deployed.idle if each.is_alive]
            deployed.idle = warm[1:]
            if warm:
                return warm[0]
            made = Environment(deployed.function, self._folder / uuid.uuid4().hex[:12])
            deployed.environments.append(made)
            return made

    def _run(self, deployed: Deployed, environment: Environment, event: Any, kind: str) -> tuple[Call, bytes]:
        call = Call(
            request_id=str(uuid.uuid4()),
            payload=json.dumps(event).encode(),
            deadline=time.time() + deployed.function.timeout,
        )
        invoked = Invoked(event=event, kind=kind, is_cold=environment.calls == 0)
        deployed.invoked.append(invoked)
        try:
            environment.answer(call)
        finally:
            with self._lock:
                deployed.busy -= 1
                deployed.idle.append(environment)
        if not call.error and len(call.answer) > MOST_BYTES:
            said = f"Response payload size exceeded maximum allowed payload size ({MOST_BYTES} bytes)."
            call.answer = json.dumps({"errorType": "Function.ResponseSizeTooLarge", "errorMessage": said}).encode()
            call.error = "Unhandled"
        invoked.error = call.error
        return call, environment.tail

    def _asynchronous(self, deployed: Deployed, event: Any) -> None:
        """An event: tried three times, then handed to where failures go; its success to the next function."""
        for attempt in range(1, TRIES + 1):
            environment = self._taken(deployed)
            while environment is None:
                time.sleep(0.05)
                environment = self._taken(deployed)
            call, _ = self._run(deployed, environment, event, "Event")
            said = json.loads(call.answer)
            envelope = {
                "version": "1.0",
                "timestamp": "2026-11-27T00:00:00.000Z",
                "requestContext": {
                    "requestId": call.request_id,
                    "condition": "RetriesExhausted" if call.error else "Success",
                    "functionArn": f"arn:aws:lambda:us-east-1:000000000000:function:{deployed.function.name}:$LATEST",
                    "approximateInvokeCount": attempt,
                },
                "requestPayload": event,
                "responsePayload": said,
                "responseContext": {
                    "statusCode": 200,
                    "executedVersion": "$LATEST",
                    **({"functionError": call.error} if call.error else {}),
                },
            }
            if not call.error:
                if deployed.on_success:
                    self.call(deployed.on_success, json.dumps(envelope).encode(), "Event")
                return
        deployed.failed.append(envelope)


def _refused(status: int, kind: str, said: str) -> tuple[int, dict[str, str], bytes]:
    return status, {"x-amzn-errortype": kind}, json.dumps({"Type": "User", "message": said}).encode()


def _invoke_api(service: LambdaService) -> type[BaseHTTPRequestHandler]:
    """``POST /2015-03-31/functions/<name>/invocations``."""
    answer: Callable[[str, bytes, str], tuple[int, dict[str, str], bytes]] = service.call

    class InvokeApi(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            name = unquote(urlsplit(self.path).path.split("/")[3])
            status, headers, said = answer(name, body, self.headers.get("X-Amz-Invocation-Type", "RequestResponse"))
            self.send_response(status)
            for key, value in {
                **headers,
                "Content-Type": "application/json",
                "Content-Length": str(len(said)),
            }.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: Any) -> None:
            """Nothing: the test says what it looks at."""

    return InvokeApi
