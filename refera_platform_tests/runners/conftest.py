"""The packed function, and a Lambda that it is deployed to, working on the stage of a test."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from refera_platform.settings.stage import Stage
    from refera_platform_tests.runners.lambda_service import LambdaService

EXTRACT, TRANSFORM = "refera-extract", "refera-transform"
MESSAGES = "messages"


@dataclass(frozen=True, kw_only=True)
class OnLambda:
    """A stage whose source is read by a function, and the service that the function runs on."""

    stage: "Stage"
    service: "LambdaService"
    deploy: Callable[..., None]
    """Deploys the function anew; ``timeout``, ``memory``, ``reserved``, ``package``, ``on_success`` and variables may be given."""


@pytest.fixture
def on_lambda(
    stage: "Stage", extract_package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[OnLambda]:
    """The test's stage, seen by a Dagster that cannot reach the source itself."""
    from refera_platform.aws import s3_client
    from refera_platform.settings.runner import RunnerSettings
    from refera_platform_tests.runners.calls import variables
    from refera_platform_tests.runners.lambda_environment import Function
    from refera_platform_tests.runners.lambda_service import LambdaService

    store = s3_client(stage.store)
    if MESSAGES not in {bucket["Name"] for bucket in store.list_buckets()["Buckets"]}:
        store.create_bucket(Bucket=MESSAGES)
    with LambdaService(tmp_path / "environments") as service:

        def deploy(
            *,
            package: Path = extract_package,
            handler: str = "refera_platform.runners.aws_lambda.handler.handler",
            timeout: float = 60,
            memory: int = 512,
            reserved: int | None = None,
            on_success: str = "",
            **more: str,
        ) -> None:
            function = Function(
                name=EXTRACT,
                package=package,
                handler=handler,
                timeout=timeout,
                memory=memory,
                reserved=reserved,
                environment=variables(stage, **more),
            )
            service.add(function, on_success=on_success)

        deploy()
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", service.endpoint)
        runner = RunnerSettings(is_lambda=True, function_name=EXTRACT, messages_bucket=MESSAGES)
        seen = replace(stage, name="production", home=tmp_path / "dagster", databases={}, runner=runner)
        yield OnLambda(stage=seen, service=service, deploy=deploy)
