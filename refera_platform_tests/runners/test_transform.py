"""The function that builds the warehouse: dbt where nothing can be written, and what follows a capture that succeeded."""

import json
import multiprocessing
from dataclasses import replace
from multiprocessing.context import BaseContext
from multiprocessing.pool import ThreadPool
from multiprocessing.synchronize import SemLock

import pytest

from refera_platform.errors import SettingError, WarehouseError
from refera_platform.lake.objects import ObjectRoot
from refera_platform.runners.aws_lambda import semaphores
from refera_platform.runners.aws_lambda.transform import handler
from refera_platform.warehouse.build.run import build_warehouse
from refera_platform.warehouse.publish.manifest import read_publication
from refera_platform_tests.business import TODAY
from refera_platform_tests.checkout import declared_tables
from refera_platform_tests.runners.calls import Context, tell, variables
from refera_platform_tests.runners.conftest import EXTRACT, TRANSFORM, OnLambda
from refera_platform_tests.runners.lambda_environment import Function
from refera_platform_tests.runners.lambda_service import Deployed
from refera_platform_tests.warehouse.test_build import add_a_row_without_a_key

EVENT = {"database": "classicmodels", "stage": "production", "scheduled_at": f"{TODAY}T23:00:00Z"}


def without_source(told: dict[str, str]) -> dict[str, str]:
    """Variables of a function that knows nothing of the source."""
    return {name: value for name, value in told.items() if "CLASSICMODELS" not in name}


@pytest.fixture
def transform(on_lambda: OnLambda, stage, transform_package) -> Deployed:
    """The second function, which is called when the first one succeeded and knows nothing of the source."""
    function = Function(
        name=TRANSFORM,
        package=transform_package,
        handler="refera_platform.runners.aws_lambda.transform.handler",
        timeout=120,
        memory=1024,
        environment=without_source(variables(stage)),
    )
    on_lambda.service.add(function)
    on_lambda.deploy(on_success=TRANSFORM)
    return on_lambda.service.of(TRANSFORM)


def published_of(stage):
    published = read_publication(ObjectRoot(stage.warehouse, stage.store))
    return {
        name: [(item.month, item.rows, item.sha256) for item in model.objects]
        for name, model in published.models.items()
    }


def test_a_whole_day_without_a_machine(on_lambda, transform, stage, shop) -> None:
    service = on_lambda.service
    for _ in range(2):
        service.call(EXTRACT, json.dumps(EVENT).encode(), "Event")
        service.settle()
    assert not transform.failed, service.logs(TRANSFORM)
    first, second = transform.invoked
    assert (first.is_cold, second.is_cold) == (True, False)
    assert first.event["requestPayload"] == EVENT
    here = replace(stage, warehouse=f"{stage.warehouse}-here")
    assert build_warehouse(here, declared_tables()).published is not None
    assert len(published_of(stage)) == 24
    assert published_of(stage) == published_of(here)
    lines = [json.loads(line) for line in service.logs(TRANSFORM).splitlines() if line.startswith("{")]
    assert [line["message"] for line in lines] == ["begun", "published"] * 2
    assert lines[1]["models"] > 21
    assert lines[1]["tests"] > 80
    assert stage.store.secret_key not in service.logs(TRANSFORM)
    assert 0 < transform.environments[0].most_memory < 1024 << 20


@pytest.fixture
def told(stage, tmp_path, monkeypatch):
    """The environment of the function, in this process."""
    tell(monkeypatch, without_source(variables(stage, REFERA_HOME=str(tmp_path / "home"))))
    return stage


def test_a_red_test_is_an_error_and_what_was_published_stays(copied, told, capsys) -> None:
    before = published_of(told)
    add_a_row_without_a_key(told, f"classicmodels/payments/day={TODAY}/part-0.parquet")
    with pytest.raises(WarehouseError, match=r"payments.* is red.*nothing was published"):
        handler({"stage": "production"}, Context())
    assert published_of(told) == before
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["kind"] for line in lines if line["message"] == "red"} == {"test"}
    assert lines[-1]["message"] == "failed"


def test_everything_is_built_when_that_is_asked_for(copied, told) -> None:
    assert handler({"stage": "production"}, Context())["everything_because"] == ""
    answer = handler({"stage": "production", "full_refresh": True}, Context())
    assert answer["everything_because"]
    json.dumps(answer)


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (None, "it is a JSON object"),
        ([], "it is a JSON object"),
        ({}, "its stage is a name"),
        ({"stage": 3}, "its stage is a name"),
        ({"stage": "production", "full_refresh": "yes"}, "true or false"),
        ({"stage": "production", "select": "; drop"}, "nothing else"),
        ({"stage": "local"}, "is of stage production"),
        ({"requestPayload": "text"}, "it is a JSON object"),
        ({"requestPayload": {"database": "classicmodels"}}, "its stage is a name"),
    ],
)
def test_an_event_that_is_not_understood_is_refused(told, event, said) -> None:
    with pytest.raises(SettingError, match=said):
        handler(event, Context())


def test_locks_of_threads_stand_in_for_semaphores_that_are_not_there(monkeypatch) -> None:
    for name in ("Lock", "RLock"):
        monkeypatch.setattr(BaseContext, name, getattr(BaseContext, name))
    semaphores.ensure_semaphores()
    assert isinstance(multiprocessing.get_context("spawn").Lock(), SemLock)

    def missing(*_: object) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("_multiprocessing.SemLock", missing)
    with pytest.raises(OSError, match="not implemented"):
        ThreadPool(2)
    semaphores.ensure_semaphores()
    with ThreadPool(2) as threads, multiprocessing.get_context("spawn").RLock():
        assert threads.map(len, ["a", "bc"]) == [1, 2]
