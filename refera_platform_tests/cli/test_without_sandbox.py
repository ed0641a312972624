"""An installation without the sandbox, as the production image is: everything else is there, and its commands say so."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from refera_platform_tests.house.tree import PACKAGE, ROOT, dotted, modules, room

MAIN = "from refera_platform.cli.main import main; main()"
IMPORT_ALL = "import importlib, sys; [importlib.import_module(each) for each in sys.argv[1:]]"
OF_THE_SANDBOX = {
    f"refera_platform.cli.{command}" for command in ("up", "down", "status", "demo", "simulate", "restore")
}
"""Modules of the commands that need it."""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("image")
    shutil.copytree(PACKAGE, folder / PACKAGE.name, ignore=shutil.ignore_patterns("sandbox", "__pycache__"))
    shutil.copytree(ROOT / "dbt", folder / "dbt", ignore=shutil.ignore_patterns("logs"))
    return folder


def ran(installed: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A Python process that finds no other copy of the package: without ``site``, so without the editable one."""
    libraries = sysconfig.get_path("purelib")
    variables = {**os.environ, "PYTHONPATH": f"{installed}:{libraries}", "REFERA_HOME": str(installed / "home")}
    return subprocess.run(
        [sys.executable, "-S", "-c", *words], cwd=installed, env=variables, capture_output=True, text=True
    )


def test_the_image_is_built_without_the_sandbox() -> None:
    assert "refera_platform/sandbox" in (ROOT / ".dockerignore").read_text().splitlines()


def test_nothing_but_commands_of_the_sandbox_imports_it(installed: Path) -> None:
    names = {dotted(path) for path in modules() if room(dotted(path)) != "sandbox"} - OF_THE_SANDBOX
    done = ran(installed, IMPORT_ALL, *sorted(names))
    assert done.returncode == 0, done.stderr
    where = ran(installed, "import refera_platform; print(refera_platform.__file__)")
    assert where.stdout.strip() == str(installed / "refera_platform/__init__.py")


@pytest.mark.parametrize(
    "words", [["up"], ["down"], ["status"], ["demo"], ["simulate"], ["restore", "a.sql"]], ids=" ".join
)
def test_a_command_of_the_sandbox_says_that_it_is_not_there(installed: Path, words: list[str]) -> None:
    (installed / "a.sql").touch()
    done = ran(installed, MAIN, *words)
    assert done.returncode == 1
    assert "are not part of this installation: → run it from a checkout" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
