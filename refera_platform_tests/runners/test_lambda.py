"""The packed function under AWS's runtime client: cold, warm, killed, out of time and memory, called twice at once."""

import json
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from refera_platform.errors import LakeError, ReferaError, SettingError
from refera_platform.ingest.snapshot.chunks import PendingChunks
from refera_platform.lake.lake import Lake
from refera_platform.runners.aws_lambda.client import LambdaFunction
from refera_platform.runners.aws_lambda.event import Operation
from refera_platform.runners.examination import diagnose_stage
from refera_platform_tests.business import TODAY
from refera_platform_tests.checkout import declared_tables, find_table
from refera_platform_tests.ingest.logged_tables import differences_of, raw_of
from refera_platform_tests.runners.conftest import EXTRACT

DAY = {"database": "classicmodels", "days": [str(TODAY)]}
LINES = find_table("orderdetails")


def called(on_lambda, **event):
    return LambdaFunction(on_lambda.stage, sleep=lambda seconds: None).call_operation(
        Operation.INGEST, **{**DAY, **event}
    )


def test_a_day_cold_and_again_warm(on_lambda, stage, shop) -> None:
    first = called(on_lambda)
    assert all(told["agrees"] for told in first["tables"].values())
    before = {table.name: raw_of(stage, table, "*") for table in declared_tables()}
    assert differences_of(stage) == {}
    called(on_lambda)
    assert {table.name: raw_of(stage, table, "*") for table in declared_tables()} == before
    assert [each.is_cold for each in on_lambda.service.of(EXTRACT).invoked] == [True, False]
    (environment,) = on_lambda.service.of(EXTRACT).environments
    assert 0 < environment.most_memory < 512 << 20
    lines = [json.loads(line) for line in environment.log.splitlines() if line.startswith("{")]
    assert {line["level"] for line in lines} == {"INFO"}
    for secret in (stage.databases["classicmodels"].password, stage.store.secret_key):
        assert secret not in environment.log


def test_two_calls_at_once_leave_each_row_once(on_lambda, stage, shop) -> None:
    def tried(_: int):
        try:
            return called(on_lambda)
        except ReferaError as error:
            return str(error)

    with ThreadPoolExecutor(2) as both:
        came = list(both.map(tried, range(2)))
    assert [each for each in came if isinstance(each, str) and "Another run wrote" not in each] == []
    assert len(on_lambda.service.of(EXTRACT).environments) == 2
    assert differences_of(stage) == {}
    positions = raw_of(stage, LINES, "_position")
    assert len(positions) == len(set(positions)) == 5


@pytest.mark.parametrize(
    ("deployed", "kind", "said", "passing"),
    [
        ({"timeout": 0.2}, LakeError, "was stopped by Lambda (RequestId", False),
        ({"memory": 32}, LakeError, "died without an answer", True),
        (
            {"handler": "refera_platform.runners.aws_lambda.handler.other"},
            LakeError,
            "an error that is not from refera_platform (Runtime.HandlerNotFound",
            False,
        ),
        ({"REFERA_STAGE": "local"}, SettingError, "No local stack has been started", False),
        (
            {"REFERA_CLASSICMODELS_URL": "mysql://reader:hush@127.0.0.1:1/x"},
            ReferaError,
            "Connection refused",
            True,
        ),
    ],
    ids=["timeout", "memory", "handler", "setting", "source"],
)
def test_what_goes_wrong_is_told_as_what_it_is(on_lambda, stage, shop, deployed, kind, said, passing) -> None:
    on_lambda.deploy(**deployed)
    with pytest.raises(kind) as failed:
        called(on_lambda)
    assert said in str(failed.value)
    assert failed.value.is_transient is passing
    assert ":hush@" not in str(failed.value) + on_lambda.service.logs(EXTRACT)
    assert not list(Lake(stage).objects.list("classicmodels/"))
    on_lambda.deploy()
    called(on_lambda)
    assert differences_of(stage) == {}


def test_a_function_that_is_not_there(on_lambda) -> None:
    missing = LambdaFunction(on_lambda.stage)
    missing.name = "other"
    with pytest.raises(SettingError, match="cannot be called \\(ResourceNotFoundException"):
        missing.call_operation(Operation.DOCTOR)


def test_a_long_silence_is_no_end_of_the_connection(on_lambda, shop, monkeypatch) -> None:
    options = []
    real = socket.socket.setsockopt

    def noted(self: socket.socket, *option: int) -> None:
        options.append(option)
        real(self, *option)

    monkeypatch.setattr(socket.socket, "setsockopt", noted)
    LambdaFunction(on_lambda.stage).call_operation(
        Operation.LOG_RETENTION, database="classicmodels", tables=["offices"]
    )
    assert (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1) in options
    if hasattr(socket, "TCP_KEEPIDLE"):  # macOS has another name for it
        assert (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60) in options


def test_throttling_is_waited_for_and_then_told(on_lambda, shop) -> None:
    on_lambda.deploy(reserved=0)
    waits: list[float] = []

    def pause(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            on_lambda.deploy()

    answer = LambdaFunction(on_lambda.stage, sleep=pause).call_operation(Operation.INGEST, **DAY, tables=["offices"])
    assert list(answer["tables"]) == ["classicmodels.offices"]
    assert waits == [0.5, 1.0, 2.0]
    on_lambda.deploy(reserved=0)
    with pytest.raises(LakeError, match="has been throttled for minutes") as told:
        called(on_lambda)
    assert told.value.is_transient


@pytest.mark.parametrize(
    ("code", "status", "waits"),
    [
        ("ServiceException", 500, True),
        ("ENINotReadyException", 502, True),
        ("ResourceConflictException", 409, True),
        ("AccessDeniedException", 403, False),
        ("KMSAccessDeniedException", 502, False),
        ("InvalidSubnetIDException", 502, False),
    ],
)
def test_what_passes_by_itself_is_waited_for_and_what_does_not_is_told(on_lambda, code, status, waits) -> None:
    waited: list[float] = []
    function = LambdaFunction(on_lambda.stage, sleep=waited.append)
    refusal = (
        status,
        {"x-amzn-errortype": code},
        json.dumps({"Type": "Service", "Message": "Not now."}).encode(),
    )
    on_lambda.service.refusals += [refusal, refusal]
    if waits:
        assert function.call_operation(Operation.DOCTOR)["findings"]
        assert waited == [0.5, 1.0]
        on_lambda.service.refusals += [refusal] * 21
        with pytest.raises(LakeError, match=f"for minutes \\({code}: Not now") as told:
            function.call_operation(Operation.DOCTOR)
        assert told.value.is_transient
    else:
        with pytest.raises(SettingError, match=f"cannot be called \\({code}: Not now"):
            function.call_operation(Operation.DOCTOR)
        assert waited == []


def test_an_answer_of_another_version_is_told_as_that(on_lambda, tmp_path) -> None:
    (tmp_path / "other.py").write_text("def handler(event, context):\n    return {'rows': 'many'}\n")
    on_lambda.deploy(package=tmp_path, handler="other.handler")
    function = LambdaFunction(on_lambda.stage, sleep=lambda _: None)
    came = PendingChunks(table=LINES, plan_id="0" * 32, missing_numbers=(0,), chunk_count=1)
    for asked in (
        lambda: function.log_retention_by_table("classicmodels", [LINES]),
        lambda: function.read_chunk(came, 0),
    ):
        with pytest.raises(LakeError, match="gave an answer that this version does not understand"):
            asked()
    with pytest.raises(LakeError, match="run the same version"):
        function.diagnose()


def test_a_piece_that_died_is_taken_again_alone(on_lambda, stage, shop) -> None:
    on_lambda.deploy(REFERA_PIECE_ROWS="2", timeout=100)
    with pytest.raises(ReferaError, match="no time for more"):
        called(on_lambda, tables=["orderdetails"])
    plan = json.loads(next(iter(Lake(stage).objects.read("_staging/classicmodels/orderdetails/plan.json"))))
    came = PendingChunks(table=LINES, plan_id=plan["id"], missing_numbers=(0, 1, 2), chunk_count=3)
    on_lambda.deploy(REFERA_PIECE_ROWS="2", timeout=0.1)

    def mended(_: float) -> None:
        on_lambda.deploy(REFERA_PIECE_ROWS="2", timeout=200)

    assert LambdaFunction(on_lambda.stage, sleep=mended).read_chunk(came, 1) == 2
    assert [LambdaFunction(on_lambda.stage).read_chunk(came, number) for number in (0, 2)] == [2, 1]
    assert LambdaFunction(on_lambda.stage).read_chunk(came, 1) == 2, "one that is there is not read again"
    called(on_lambda, tables=["orderdetails"])
    assert differences_of(stage, [LINES]) == {}
    assert on_lambda.service.of(EXTRACT).invoked[-1].error == ""


def test_the_doctor_looks_from_where_the_source_is_read(on_lambda, shop) -> None:
    found = diagnose_stage(on_lambda.stage, declared_tables())
    about = {each.about for each in found.findings}
    assert {"lake: write", "warehouse: write", "classicmodels: privileges"} <= about
    assert found.is_healthy
    assert found.grants["classicmodels"]
    on_lambda.deploy(timeout=0.1)
    broken = diagnose_stage(on_lambda.stage, declared_tables())
    assert [each.about for each in broken.findings if "stopped by Lambda" in each.found] == ["function: call"]
    assert not broken.is_healthy


def test_a_schedule_without_dagster_tries_again_and_then_keeps_the_event(on_lambda, stage, shop) -> None:
    shop.run("drop table payments")
    event = {
        "database": "classicmodels",
        "stage": "production",
        "scheduled_at": f"{TODAY}T23:30:00Z",
        "tables": ["payments", "orders"],
    }
    on_lambda.service.call(EXTRACT, json.dumps({**event, "scheduled_at": "2026-03-11T00:30:00Z"}).encode(), "Event")
    on_lambda.service.settle()
    deployed = on_lambda.service.of(EXTRACT)
    assert [each.error for each in deployed.invoked] == ["Unhandled"] * 3
    (kept,) = deployed.failed
    assert kept["responsePayload"]["errorType"] == "LakeError"
    assert "payments" in kept["responsePayload"]["errorMessage"]
    assert differences_of(stage, [find_table("orders")]) == {}
