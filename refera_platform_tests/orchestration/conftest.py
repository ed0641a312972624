"""Dagster's history in a folder of each test's own."""

import pytest

from refera_platform.orchestration import instance


@pytest.fixture
def memory(stage, tmp_path, monkeypatch):
    """A stage whose runs are remembered in ``tmp_path`` and not in the home that all tests share."""
    monkeypatch.setattr(instance, "dagster_home", lambda home, make=instance.dagster_home: make(tmp_path))
    return stage
