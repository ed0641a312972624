"""What every room's tests stand on: one real MariaDB and one real S3 for the session, and a small business in them."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pymysql
import pytest

from refera_platform.engine import scratch
from refera_platform.lake.capture import Captured, capture
from refera_platform.lake.lake import Lake
from refera_platform.local import stack
from refera_platform.source import catalog
from refera_platform.source.connection import Source, connect
from refera_platform.stage import Stage, load
from refera_platform_tests.business import Shop, open_shop

REAL_DUMP = Path(__file__).parents[2] / "shared/data/classicmodels/mysqlsampledatabase.sql"
TODAY = date(2026, 3, 10)
"""The day on which most tests happen; its evening is what their clock shows."""


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A local stack of the session's own, up and running."""
    place = tmp_path_factory.mktemp("refera")
    stack.up(place)
    yield place
    stack.down(place, wipe=True)


@pytest.fixture
def stage(home: Path) -> Stage:
    """The stack as a stage, with a lake and a warehouse that only this test uses."""
    here = load({"REFERA_STAGE": "test", "REFERA_HOME": str(home)}).at(evening(TODAY))
    own = uuid.uuid4().hex[:8]
    bucket = here.lake.removesuffix("/raw")
    return replace(here, lake=f"{bucket}/{own}/raw", warehouse=f"{bucket}/{own}/warehouse")


@pytest.fixture
def shop(home: Path) -> Iterator[Shop]:
    """A small business in the source, the same at the start of every test."""
    with open_shop(home) as opened:
        yield opened


@pytest.fixture
def lake(stage: Stage) -> Lake:
    """The lake of the test's stage."""
    return Lake(stage)


def evening(day: date) -> datetime:
    """The last second of a day: the running day is the one a daily run closes."""
    return datetime(day.year, day.month, day.day, 23, 59, 59, tzinfo=UTC)


@contextmanager
def source_of(stage: Stage) -> Iterator[Source]:
    """An open session of the source, which can read the lake as well."""
    with scratch(stage) as folder, connect(stage, "classicmodels", folder) as source:
        yield source


def captured(stage: Stage, name: str, *days: date) -> Captured:
    """Capture days of one table, at the evening of the last of them."""
    at = stage.at(evening(days[-1]))
    with scratch(at) as folder, connect(at, "classicmodels", folder) as source:
        return capture(Lake(at), source, catalog.find(name), days, at.clock, folder)


def capture_all(stage: Stage, *days: date) -> None:
    """Capture days of every table."""
    for table in catalog.TABLES:
        captured(stage, table.name, *days)


def owner(home: Path) -> "pymysql.connections.Connection[pymysql.cursors.Cursor]":
    """A connection of the source's owner, committing each statement."""
    address = stack.status(home).address
    assert address is not None
    server = address.mariadb
    return pymysql.connect(
        host=server.host, port=server.port, user=server.admin.user, password=server.admin.password,
        database=server.database, charset="utf8mb4", autocommit=True,
    )  # fmt: skip
