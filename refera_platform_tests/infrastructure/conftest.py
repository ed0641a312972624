"""Terraform, a provider for it that makes nothing, and what the modules would make with every option."""

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from refera_platform_tests.infrastructure.planned import Planned
from refera_platform_tests.infrastructure.stub_provider import StubProvider
from refera_platform_tests.infrastructure.terraform import Terraform, copied
from refera_platform_tests.runners.conftest import on_lambda

__all__ = ["on_lambda"]


@pytest.fixture(scope="session")
def terraform_is_here() -> None:
    """What declares infrastructure cannot be looked at without Terraform."""
    if not shutil.which("terraform"):
        pytest.skip("Terraform is not installed (terraform 1.10 or newer, on PATH)")


@pytest.fixture(scope="session")
def stub(terraform_is_here: None) -> Iterator[Terraform]:
    """Terraform with the provider that only knows names, types and nesting."""
    with StubProvider() as provider:
        yield Terraform(provider.environment)


@pytest.fixture(scope="session")
def modules(stub: Terraform, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of deploy/terraform."""
    return copied(tmp_path_factory.mktemp("terraform") / "terraform")


@pytest.fixture(scope="session")
def planned(stub: Terraform, modules: Path) -> Mapping[str, Planned]:
    """What is made in each run of tests/platform.tftest.hcl."""
    stub.did(modules, "init", "-backend=false")
    said = stub.did(modules, "test", "-json", "-verbose", "-filter=tests/platform.tftest.hcl")
    states: dict[str, Planned] = {}
    for line in said.splitlines():
        message: dict[str, Any] = json.loads(line)
        if message["type"] == "test_state":
            states[message["@testrun"]] = Planned.of(message["test_state"]["root_module"])
    return states
