"""Importing any module touches no network, writes nothing, starts nothing, and brings Dagster only to its wing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from refera_platform_tests.house.tree import ROOT, dotted, modules, room

WATCHED_IMPORT = """
import importlib, json, os, sys

NETWORK = {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.sendmsg"}
DISK = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate", "shutil.rmtree"}
PROCESS = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty"}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
done, current = [], ""

def watch(event, arguments):
    if event == "open":
        path, _, flags = arguments
        harmless = isinstance(path, int) or os.fsdecode(path).startswith("/dev/")
        if harmless or not (flags or 0) & WRITING:
            return
    elif event not in NETWORK | DISK | PROCESS or event == "subprocess.Popen" and arguments[0] == "file":
        return  # platform.architecture(), which Dagster asks on import, looks at the interpreter with `file`
    done.append([current, event, repr(arguments)[:200]])
    raise PermissionError(f"importing {current} did {event} {arguments!r}"[:300])

sys.addaudithook(watch)
dagster_after = None
for current in sys.argv[1:]:
    importlib.import_module(current)
    if dagster_after is None and "dagster" in sys.modules:
        dagster_after = current
print(json.dumps({"done": done, "dagster_after": dagster_after}))
"""
WING = ("orchestration", "definitions", "cli")
"""What may bring Dagster in when it is imported."""
QUICK = "refera_platform.cli.main"
"""May not, so that ``refera --help`` is quick."""


def in_wing(module: str) -> bool:
    return room(module) in WING and module != QUICK


def import_all(names: list[str], folder: Path, script: str = WATCHED_IMPORT) -> dict[str, object]:
    """What importing ``names`` one after the other in a fresh interpreter does, besides defining things."""
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder),
        "REFERA_HOME": str(folder / "stack"),
        "PYTHONPATH": str(ROOT),
    }
    process = subprocess.run(
        [sys.executable, "-B", "-c", script, *names],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert process.returncode == 0, process.stderr
    report: dict[str, object] = json.loads(process.stdout.splitlines()[-1])
    return report


@pytest.mark.parametrize("wing", [False, True], ids=["rooms", "dagster wing"])
def test_importing_a_module_does_nothing(wing: bool, tmp_path: Path) -> None:
    names = [each for path in modules() if in_wing(each := dotted(path)) == wing]
    report = import_all(names, tmp_path)
    assert report["done"] == []
    assert list(tmp_path.iterdir()) == []
    if not wing:
        assert report["dagster_after"] is None, "a room brings Dagster in: import it where it is used"


@pytest.mark.parametrize(
    ("statement", "event"),
    [
        ("import urllib.request; urllib.request.urlopen('http://127.0.0.1:9')", "socket"),
        ("open('left.txt', 'w')", "open"),
        ("import pathlib; pathlib.Path('left').mkdir()", "os.mkdir"),
        ("import subprocess; subprocess.run(['true'])", "subprocess.Popen"),
    ],
    ids=["network", "file", "folder", "process"],
)
def test_the_rule_sees_a_module_that_does_something(statement: str, event: str, tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / "busy.py").write_text(f"try:\n    {statement}\nexcept OSError:\n    pass\n")
    script = f"import sys\nsys.path.insert(0, {str(package)!r})\n{WATCHED_IMPORT}"
    done = import_all(["busy"], tmp_path, script)["done"]
    assert isinstance(done, list)
    assert any(seen.startswith(event) for _, seen, _ in done)
