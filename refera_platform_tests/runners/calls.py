"""The function called as Lambda calls it, in this process: what does not need a process of its own."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from refera_platform.sandbox import stack
from refera_platform.settings.stage import Stage


@dataclass
class Context:
    """What Lambda hands to a handler beside the event."""

    function_name: str = "refera-extract"
    aws_request_id: str = "7c3c0d8e-0000-4000-8000-000000000001"
    seconds: float = 900.0

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


def variables(stage: Stage, **more: str) -> dict[str, str]:
    """The variables of a function that works on the test's stage; the names are those of production."""
    source, store = stage.databases["classicmodels"], stage.store
    assert stage.clock.fixed is not None
    return {
        "REFERA_STAGE": "production",
        "REFERA_CLASSICMODELS_URL": f"mariadb://{source.user}:{source.password}@{source.host}:{source.port}/{source.name}",
        "REFERA_LAKE": stage.lake,
        "REFERA_WAREHOUSE": stage.warehouse,
        "REFERA_S3_ENDPOINT": store.endpoint,
        "REFERA_MESSAGES": "s3://messages",
        "REFERA_S3_REGION": store.region,
        "REFERA_NOW": stage.clock.fixed.isoformat(),
        "AWS_ACCESS_KEY_ID": store.access_key,
        "AWS_SECRET_ACCESS_KEY": store.secret_key,
        **more,
    }


def tell(monkeypatch: pytest.MonkeyPatch, told: Mapping[str, str]) -> None:
    """Make these variables the environment of this process, with nothing of its own that a function could see."""
    for name in [name for name in os.environ if name.startswith(("REFERA_", "AWS_"))]:
        monkeypatch.delenv(name)
    for name, value in told.items():
        monkeypatch.setenv(name, value)


def address_of(stage: Stage):
    """The servers of the stage's stack."""
    address = stack.stack_status(stage.home).address
    assert address is not None
    return address
