"""The packed function, and a Lambda that it is deployed to, working on the stage of a test."""

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from refera_platform.engine import client
from refera_platform.runner_settings import RunnerSettings
from refera_platform.stage import Stage
from refera_platform_tests.house.tree import ROOT
from refera_platform_tests.remote.calls import variables
from refera_platform_tests.remote.lambda_environment import Function
from refera_platform_tests.remote.lambda_service import LambdaService

EXTRACT, TRANSFORM = "refera-extract", "refera-transform"
MESSAGES = "messages"


def packager() -> Any:
    """``deploy/lambda/package.py``, which is no package of ours."""
    spec = importlib.util.spec_from_file_location("lambda_package", ROOT / "deploy/lambda/package.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def packed(name: str, place: Path) -> Path:
    """The files of a function for the Python that runs the tests."""
    package = packager()
    return package.packed(package.FUNCTIONS[name], place, package.own_arch(), package.own_python())


@pytest.fixture(scope="session")
def extract_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the zip holds."""
    return packed("extract", tmp_path_factory.mktemp("extract") / "package")


@pytest.fixture(scope="session")
def transform_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the image holds below ``/var/task``."""
    return packed("transform", tmp_path_factory.mktemp("transform") / "package")


@dataclass(frozen=True, kw_only=True)
class OnLambda:
    """A stage whose source is read by a function, and the service that the function runs on."""

    stage: Stage
    service: LambdaService
    deploy: Callable[..., None]
    """Deploys the function anew; ``timeout``, ``memory``, ``reserved``, ``package``, ``on_success`` and variables may be given."""


@pytest.fixture
def on_lambda(
    stage: Stage, extract_package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[OnLambda]:
    """The test's stage, seen by a Dagster that cannot reach the source itself."""
    store = client(stage.store)
    if MESSAGES not in {bucket["Name"] for bucket in store.list_buckets()["Buckets"]}:
        store.create_bucket(Bucket=MESSAGES)
    with LambdaService(tmp_path / "environments") as service:

        def deploy(*, package: Path = extract_package, handler: str = "refera_platform.remote.handler.handler",
                   timeout: float = 60, memory: int = 512, reserved: int | None = None, on_success: str = "",
                   **more: str) -> None:  # fmt: skip
            function = Function(
                name=EXTRACT, package=package, handler=handler, timeout=timeout, memory=memory, reserved=reserved,
                environment=variables(stage, **more),
            )  # fmt: skip
            service.add(function, on_success=on_success)

        deploy()
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", service.endpoint)
        runner = RunnerSettings(is_lambda=True, function=EXTRACT, messages=MESSAGES)
        seen = replace(stage, name="production", home=tmp_path / "dagster", databases={}, runner=runner)
        yield OnLambda(stage=seen, service=service, deploy=deploy)
