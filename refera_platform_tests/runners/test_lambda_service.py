"""The tests' own Lambda behaves as AWS documents it: otherwise what passes here says nothing about there."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from refera_platform_tests.runners.lambda_environment import Function, can_isolate
from refera_platform_tests.runners.lambda_service import LambdaService

CODE = """
import os, signal, sys, time
count = 0

def handler(event, context):
    global count
    count += 1
    what = event.get("do")
    print("x" * event.get("print", 0) + "end")
    if what == "raise": raise KeyError("missing")
    if what == "sleep": time.sleep(30)
    if what == "die": os.kill(os.getpid(), signal.SIGKILL)
    if what == "exit": os._exit(3)
    if what == "eat": return len(bytearray(os.urandom(1)) * (400 << 20))
    if what == "much": return "y" * (7 << 20)
    if what == "look":
        found = {"home": os.environ.get("HOME"), "path": sys.path, "left": context.get_remaining_time_in_millis(),
                 "name": context.function_name, "id": context.aws_request_id}
        for place in ("/tmp/w", os.environ["LAMBDA_TASK_ROOT"] + "/w", "/var/w"):
            try:
                open(place, "w").close()
                found[place] = "written"
            except OSError as trouble:
                found[place] = trouble.strerror
        return found
    return {"count": count, "event": event}
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("package")
    (folder / "code_of.py").write_text(CODE)
    (folder / "broken.py").write_text("import a_library_that_is_not_packed\n")
    return folder


@pytest.fixture
def service(tmp_path: Path, package: Path) -> Iterator[LambdaService]:
    with LambdaService(tmp_path / "environments") as running:
        running.add(Function(name="f", package=package, handler="code_of.handler", timeout=1.5, memory=128))
        yield running


def client(service: LambdaService) -> Any:
    return boto3.client(
        "lambda",
        endpoint_url=service.endpoint,
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(retries={"total_max_attempts": 1}),
    )


def call(service: LambdaService, event: object, **more: Any) -> tuple[dict[str, Any], Any]:
    answer = client(service).invoke(FunctionName="f", Payload=json.dumps(event), **more)
    return answer, json.loads(answer["Payload"].read() or b"null")


def test_a_warm_environment_is_used_again(service: LambdaService) -> None:
    assert [call(service, {})[1]["count"] for _ in range(3)] == [1, 2, 3]
    assert [each.is_cold for each in service.of("f").invoked] == [True, False, False]


def test_the_function_sees_its_package_and_nothing_of_ours(service: LambdaService) -> None:
    _, found = call(service, {"do": "look"})
    assert (found["home"], found["name"]) == (None, "f")
    assert 0 < found["left"] <= 1500
    assert not any("site-packages" in part for part in found["path"])
    if not can_isolate():
        pytest.skip("this machine lets us make no mount namespace, so the file system is the machine's own")
    read_only = "Read-only file system"
    assert (found["/tmp/w"], found["/tmp/task/w"], found["/var/w"]) == ("written", read_only, read_only)


@pytest.mark.parametrize(
    ("do", "kind", "said"),
    [
        ("raise", "KeyError", "'missing'"),
        ("sleep", "Sandbox.Timedout", "Task timed out after 1.50 seconds"),
        ("die", "Runtime.ExitError", "Runtime exited with error: signal: killed"),
        ("exit", "Runtime.ExitError", "Runtime exited with error: exit status 3"),
        ("eat", "Runtime.ExitError", "Runtime exited with error: signal: killed"),
        ("much", "Function.ResponseSizeTooLarge", "exceeded maximum allowed payload size (6291456 bytes)"),
    ],
)
def test_what_goes_wrong_inside(service: LambdaService, do: str, kind: str, said: str) -> None:
    answer, found = call(service, {"do": do})
    assert (answer["StatusCode"], answer["FunctionError"], found["errorType"]) == (200, "Unhandled", kind)
    assert said in found["errorMessage"]
    after, again = call(service, {})
    assert "FunctionError" not in after
    assert again["count"] == (2 if do in {"raise", "much"} else 1)


def test_a_package_that_cannot_be_imported(service: LambdaService, package: Path) -> None:
    service.add(Function(name="f", package=package, handler="broken.handler"))
    answer, found = call(service, {})
    assert answer["FunctionError"] == "Unhandled"
    assert found["errorType"] == "Runtime.ImportModuleError"
    assert "No module named 'a_library_that_is_not_packed'" in found["errorMessage"]


def test_the_tail_of_the_log_has_four_kilobytes(service: LambdaService) -> None:
    answer, _ = call(service, {"print": 9000}, LogType="Tail")
    tail = base64.b64decode(answer["LogResult"]).decode()
    assert len(tail) == 4096
    assert "REPORT RequestId" in tail


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"FunctionName": "other", "Payload": "{}"}, "ResourceNotFoundException"),
        ({"FunctionName": "f", "Payload": "{"}, "InvalidRequestContentException"),
        ({"FunctionName": "f", "Payload": json.dumps("x" * (6 << 20))}, "RequestTooLargeException"),
    ],
)
def test_what_is_refused_at_the_door(service: LambdaService, asked: dict[str, str], code: str) -> None:
    with pytest.raises(ClientError) as refused:
        client(service).invoke(**asked)
    assert refused.value.response["Error"]["Code"] == code
    assert not service.of("f").invoked


def test_a_function_without_room_refuses(service: LambdaService, package: Path) -> None:
    service.add(Function(name="f", package=package, handler="code_of.handler", reserved=0))
    with pytest.raises(ClientError) as refused:
        call(service, {})
    assert refused.value.response["Error"]["Code"] == "TooManyRequestsException"


def test_an_event_is_tried_three_times_and_its_success_handed_on(service: LambdaService, package: Path) -> None:
    service.add(Function(name="next", package=package, handler="code_of.handler"))
    service.add(Function(name="f", package=package, handler="code_of.handler", timeout=2), on_success="next")
    assert call(service, {"do": "raise"}, InvocationType="Event")[0]["StatusCode"] == 202
    service.settle()
    assert [each.error for each in service.of("f").invoked] == ["Unhandled"] * 3
    (envelope,) = service.of("f").failed
    assert envelope["requestContext"]["condition"] == "RetriesExhausted"
    call(service, {"stage": "production"}, InvocationType="Event")
    service.settle()
    (handed,) = service.of("next").invoked
    assert handed.event["requestPayload"] == {"stage": "production"}
