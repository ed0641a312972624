"""What every room's tests stand on: one real MariaDB and one real S3 for the session, and a small business in them."""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pymysql
import pytest
from xdist.scheduler import LoadScopeScheduling

from refera_platform.duckdb_session.scratch import scratch
from refera_platform.ingest.result import Captured, Refused
from refera_platform.ingest.run import capture_tables
from refera_platform.lake.lake import Lake
from refera_platform.lake.objects import ObjectRoot
from refera_platform.sandbox import stack
from refera_platform.settings.stage import Stage, load
from refera_platform.source import catalog
from refera_platform.source.connection import Source, connect
from refera_platform.source.table import SourceTable
from refera_platform.warehouse.build.run import build
from refera_platform_tests.business import TODAY, Shop, open_shop
from refera_platform_tests.runners.packages import extract_package, transform_package

__all__ = ["TODAY", "extract_package", "transform_package"]
REAL_DUMP = Path(__file__).parents[2] / "shared/data/classicmodels/mysqlsampledatabase.sql"


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
    return own_stage(home)


def own_stage(home: Path) -> Stage:
    """The stack as a stage whose lake and warehouse are empty, and nobody else's."""
    here = load({"REFERA_STAGE": "test", "REFERA_HOME": str(home)}).at(evening(TODAY))
    own = uuid.uuid4().hex[:8]
    bucket = here.lake.removesuffix("/raw")
    return replace(here, lake=f"{bucket}/{own}/raw", warehouse=f"{bucket}/{own}/warehouse")


@pytest.fixture(scope="session")
def template(home: Path) -> Stage:
    """The small business captured and published once, for tests that take a copy and ask the source nothing more."""
    made = own_stage(home)
    with open_shop(home):
        capture_all(made, TODAY)
    built = build(made)
    assert built.published is not None, built.verdict()
    return made


@pytest.fixture
def copied(template: Stage, stage: Stage) -> Stage:
    """A stage of the test's own with every object of the template."""
    return copy_into(stage, template)


def copy_into(stage: Stage, template: Stage) -> Stage:
    """Give an empty stage every object of another one."""
    for origin, target in ((template.lake, stage.lake), (template.warehouse, stage.warehouse)):
        root = ObjectRoot(origin.rpartition("/")[0].rpartition("/")[0], stage.store)
        old, new = (f"{'/'.join(place.rsplit('/', 2)[1:])}/" for place in (origin, target))
        for item in root.list(old):
            root.copy(item.key, new + item.key.removeprefix(old), replaces=None)
    return stage


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


def captured(stage: Stage, name: str, *days: date, afresh: bool = False) -> Captured:
    """Capture days of one table, at the evening of the last of them."""
    (came,) = captures(stage, [catalog.find(name)], *days, afresh=afresh)
    return came


def capture_all(stage: Stage, *days: date) -> list[Captured]:
    """Capture days of every table in one pass."""
    return captures(stage, catalog.TABLES, *days)


def captures(stage: Stage, tables: Sequence[SourceTable], *days: date, afresh: bool = False) -> list[Captured]:
    """Capture days of some tables in one pass, at the evening of the last day; a refusal is raised."""
    at = stage.at(evening(days[-1]))
    done = []
    names = {table.name for table in tables} if afresh else ()
    with scratch(at) as folder, connect(at, "classicmodels", folder) as source:
        for came in capture_tables(Lake(at), source, tables, days, at, folder, afresh=names):
            if isinstance(came, Refused):
                raise came.trouble
            done.append(came)
    return done


def owner(home: Path) -> "pymysql.connections.Connection[pymysql.cursors.Cursor]":
    """A connection of the source's owner, committing each statement."""
    address = stack.status(home).address
    assert address is not None
    server = address.mariadb
    return pymysql.connect(
        host=server.host,
        port=server.port,
        user=server.admin.user,
        password=server.admin.password,
        database=server.database,
        charset="utf8mb4",
        autocommit=True,
        ssl_disabled=True,
    )


def root(home: Path) -> "pymysql.connections.Connection[pymysql.cursors.Cursor]":
    """A connection that may do everything to the server, committing each statement."""
    address = stack.status(home).address
    assert address is not None
    server = address.mariadb
    return pymysql.connect(
        unix_socket=server.socket,
        user=server.root.user,
        password=server.root.password,
        database=server.database,
        charset="utf8mb4",
        autocommit=True,
        ssl_disabled=True,
    )


def pytest_addoption(parser: pytest.Parser) -> None:
    """How long the tests that can go on for ever do so."""
    parser.addoption("--stress-seconds", type=int, default=0, help="seconds for each test that kills and repeats")


SPREAD = {"test_headless", "test_build", "test_random_days", "test_log_memory", "test_answers", "test_verify"}
"""Modules with tests of many seconds each; the others keep their tests together, and so what they share."""
FIRST = {
    "test_production",
    "test_recovery",
    "test_both_homes",
    "test_transform",
    "test_official_provider",
    "test_modules",
    "test_commands",
    "test_increment",
    "test_turns",
}
"""Modules that take long as a whole: begun last, they would leave the other processes idle."""


class ByModule(LoadScopeScheduling):  # type: ignore[misc]
    """Tests of a module share a process; those of ``SPREAD`` go wherever there is room.

    xdist's own groups count for nothing with pytest 9.2: it writes them into a name that pytest no longer reads.
    """

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.partition("::")[0]
        return nodeid if Path(module).stem in SPREAD else module


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByModule:
    """Who runs which tests."""
    return ByModule(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let what takes long begin first."""
    items.sort(key=lambda item: item.path.stem not in FIRST)


@pytest.fixture
def stress_seconds(request: pytest.FixtureRequest) -> int:
    """Seconds that a stress test was told to take; 0 for its short version."""
    return int(request.config.getoption("--stress-seconds"))
