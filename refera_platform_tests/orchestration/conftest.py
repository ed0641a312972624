"""Dagster's history in a folder of each test's own. Dagster is imported by the tests that ask for it."""

import pytest


@pytest.fixture
def memory(stage, tmp_path, monkeypatch):
    """A stage whose runs are remembered in ``tmp_path`` and not in the home that all tests share."""
    from refera_platform.orchestration import instance

    monkeypatch.setattr(instance, "dagster_home", lambda home, make=instance.dagster_home: make(tmp_path))
    return stage
