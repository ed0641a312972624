"""The packages of both functions, made once for all tests of a process."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from refera_platform_tests.house.tree import ROOT


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
