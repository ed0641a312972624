"""The project of this checkout as tests use it: read once a process, when a test asks for it."""

from functools import cache

import pytest

from refera_platform.project.load import load_project
from refera_platform.project.model import Project
from refera_platform.settings.stage import PROJECT_FOLDER
from refera_platform.source.table import SourceTable


@cache
def checkout_project() -> Project:
    """Everything that the checkout's ``dbt/`` declares."""
    return load_project(PROJECT_FOLDER)


def declared_tables() -> tuple[SourceTable, ...]:
    """Every declared table."""
    return checkout_project().tables


def find_table(name: str) -> SourceTable:
    """The declared table of a name."""
    return checkout_project().find_table(name)


def declare(monkeypatch: pytest.MonkeyPatch, *tables: SourceTable) -> None:
    """Let the functions of this module know these tables alone."""
    monkeypatch.setattr(f"{__name__}.checkout_project", lambda: Project(tables=tables))
