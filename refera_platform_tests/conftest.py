"""Fixtures of all rooms: one real MariaDB and one real S3 a process, started when a test asks for them.

Imports are inside the fixtures, so that a test without servers loads nothing of them (``make unit``).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from xdist.scheduler import LoadScopeScheduling

if TYPE_CHECKING:
    from refera_platform.lake.lake import Lake
    from refera_platform.settings.stage import Stage
    from refera_platform_tests.business import Shop


pytest_plugins = ["refera_platform_tests.runners.packages"]


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A local stack of the session's own, up and running."""
    from refera_platform.sandbox import stack

    place = tmp_path_factory.mktemp("refera")
    stack.start_stack(place)
    yield place
    stack.stop_stack(place, wipe=True)


@pytest.fixture
def stage(home: Path) -> "Stage":
    """The stack as a stage, with a lake and a warehouse that only this test uses."""
    from refera_platform_tests.local_stack import own_stage

    return own_stage(home)


@pytest.fixture(scope="session")
def template(home: Path) -> "Stage":
    """The small business captured and published once, for tests that take a copy and ask the source nothing more."""
    from refera_platform.warehouse.build.run import build_warehouse
    from refera_platform_tests.business import TODAY, open_shop
    from refera_platform_tests.checkout import declared_tables
    from refera_platform_tests.local_stack import capture_all, own_stage

    made = own_stage(home)
    with open_shop(home):
        capture_all(made, TODAY)
    built = build_warehouse(made, declared_tables())
    assert built.published is not None, str(built.to_error())
    return made


@pytest.fixture
def copied(template: "Stage", stage: "Stage") -> "Stage":
    """A stage of the test's own with every object of the template."""
    from refera_platform_tests.local_stack import copy_into

    return copy_into(stage, template)


@pytest.fixture
def shop(home: Path) -> "Iterator[Shop]":
    """A small business in the source, the same at the start of every test."""
    from refera_platform_tests.business import open_shop

    with open_shop(home) as opened:
        yield opened


@pytest.fixture
def lake(stage: "Stage") -> "Lake":
    """The lake of the test's stage."""
    from refera_platform.lake.lake import Lake

    return Lake(stage)


def pytest_addoption(parser: pytest.Parser) -> None:
    """How long the tests that can go on for ever do so."""
    parser.addoption("--stress-seconds", type=int, default=0, help="seconds for each test that kills and repeats")


UNIT = "pytest.mark.unit"
SERVERS = {"home", "stage", "template", "copied", "shop", "lake"}
"""Fixtures that start servers; a test that is marked ``unit`` asks for none of them."""
SPREAD = {"test_headless", "test_build", "test_random_days", "test_stream_memory", "test_answers", "test_verify"}
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


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With ``-m unit`` modules without the mark are not even imported: Dagster and dbt take seconds."""
    is_module = collection_path.suffix == ".py" and collection_path.name.startswith("test_")
    if config.option.markexpr == "unit" and is_module and UNIT not in collection_path.read_text():
        return True
    return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let what takes long begin first, and hold unit tests to their word."""
    for item in items:
        needed = SERVERS & set(getattr(item, "fixturenames", ()))
        if needed and item.get_closest_marker("unit"):
            raise pytest.UsageError(f"{item.nodeid} is marked unit and asks for {', '.join(sorted(needed))}.")
    items.sort(key=lambda item: item.path.stem not in FIRST)


@pytest.fixture
def stress_seconds(request: pytest.FixtureRequest) -> int:
    """Seconds that a stress test was told to take; 0 for its short version."""
    return int(request.config.getoption("--stress-seconds"))
