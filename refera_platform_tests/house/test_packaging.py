"""What a checkout installs, what a deployment installs, and the verbs that do it agree with one another."""

import configparser
import hashlib
import importlib.metadata
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from refera_platform_tests.house.tree import PACKAGE, ROOT, imports, known_files, modules, name

LOCKS = {"requirements.in": "requirements.lock", "requirements-dev.in": "requirements-dev.lock"}
MADE_FROM = ("setup.cfg", "requirements.in", "requirements-dev.lock")
"""What a .venv is made from, in the order in which setup takes their digest."""
PIN = re.compile(r"^([a-zA-Z0-9][\w.-]*)==(\S+)", re.MULTILINE)


def setup_cfg() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def pins(lock: str) -> set[tuple[str, str]]:
    return set(PIN.findall((ROOT / lock).read_text()))


def canonical(distribution: str) -> str:
    """A distribution's name as locks spell it."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def verbs() -> dict[str, str]:
    """Each target of the Makefile and the words that help says about it."""
    return dict(re.findall(r"^([a-z_-]+):.*?## (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_a_deployment_installs_what_was_tested() -> None:
    assert pins("requirements.lock") <= pins("requirements-dev.lock")


@pytest.mark.parametrize("wishes", LOCKS)
def test_every_wish_is_locked(wishes: str) -> None:
    names = re.findall(r"^([a-zA-Z][\w.-]*)", (ROOT / wishes).read_text(), re.MULTILINE)
    assert {each.lower() for each in names} <= {each for each, _ in pins(LOCKS[wishes])}


def test_what_the_house_imports_is_in_a_deployment() -> None:
    imported = {each.split(".")[0] for path in modules() for each in imports(path.read_text())}
    foreign = imported - {PACKAGE.name, "", *sys.stdlib_module_names}
    homes = importlib.metadata.packages_distributions()
    deployed = {each for each, _ in pins("requirements.lock")}
    absent = {each for each in foreign if not {canonical(home) for home in homes.get(each, [])} & deployed}
    assert "duckdb" in foreign
    assert not absent


@pytest.mark.parametrize("lock", LOCKS.values())
def test_every_pin_has_a_hash_and_no_index_is_named(lock: str) -> None:
    text = (ROOT / lock).read_text()
    blocks = re.split(r"\n(?=\S)", text)
    assert not [block.splitlines()[0] for block in blocks if PIN.match(block) and "--hash=sha256:" not in block]
    assert not re.findall(r"^\s*(?:-i|-f|--(?:extra-)?index-url|--find-links)\b.*|https?://\S+", text, re.MULTILINE)


def test_what_a_package_reads_beside_its_modules_is_in_a_wheel() -> None:
    declared = {
        f"{package.replace('.', '/')}/{pattern}"
        for package, patterns in setup_cfg()["options.package_data"].items()
        for pattern in patterns.split()
    }
    beside = {
        path.relative_to(ROOT).as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and path.suffix not in {".py", ".pyc"}
    }
    assert beside == declared


def test_setup_takes_the_pythons_that_the_package_takes() -> None:
    low, high = re.findall(r"3\.(\d+)", setup_cfg()["options"]["python_requires"])
    assert f"(3, {low}) <= sys.version_info[:2] < (3, {high})" in (ROOT / "bin/setup.sh").read_text()


def test_the_changelog_tells_of_this_version() -> None:
    versions = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert versions[0] == setup_cfg()["metadata"]["version"]


def test_make_alone_lists_every_verb() -> None:
    text = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.+)$", text, re.MULTILINE)
    assert phony
    assert set(phony[1].split()) == set(verbs()) == set(re.findall(r"^([a-z_-]+):", text, re.MULTILINE))
    listing = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert [line.split()[1] for line in listing.splitlines() if line.startswith("make ")] == list(verbs())


def test_continuous_integration_runs_the_tests() -> None:
    script = ROOT / ".ci/run"
    assert os.access(script, os.X_OK)
    assert script.read_text().rstrip().endswith('exec make "${1:-test}"')
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]
    given = {each["verb"] for each in jobs["test"]["strategy"]["matrix"]["include"]}
    assert {"test", "coverage"} == given <= set(verbs())


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what setup looks at, in a folder with a blank in its name, whose .venv is complete."""
    folder = tmp_path / "a check out"
    for each in ("bin/setup.sh", *MADE_FROM):
        (folder / each).parent.mkdir(parents=True, exist_ok=True)
        (folder / each).write_bytes((ROOT / each).read_bytes())
    manifest = folder / "refera_platform/warehouse/dbt_manifest.py"
    manifest.parent.mkdir(parents=True)
    manifest.write_text("print('dbt project looked at')\n")
    (folder / ".venv/bin").mkdir(parents=True)
    (folder / ".venv/bin/python").symlink_to(sys.executable)
    made_from = b"".join((folder / each).read_bytes() for each in MADE_FROM)
    place = str(folder.resolve())
    digest = hashlib.sha256(f"{place}\n".encode() + made_from).hexdigest()
    (folder / ".venv/.refera-complete").write_text(f"{place}\n{digest}\n")
    return folder


def run_setup(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", str(folder / "bin/setup.sh")], env={**os.environ, **variables}, capture_output=True, text=True
    )


def test_setup_leaves_a_complete_environment_alone(checkout: Path) -> None:
    process = run_setup(checkout)
    assert (process.returncode, process.stdout, process.stderr) == (0, "dbt project looked at\n", "")


@pytest.mark.parametrize("change", ["another lock", "interrupted", "moved"])
def test_setup_makes_an_environment_again_after(change: str, checkout: Path) -> None:
    if change == "another lock":
        with (checkout / "requirements-dev.lock").open("a") as lock:
            lock.write("# one more\n")
    elif change == "interrupted":
        (checkout / ".venv/.refera-begun").touch()
    else:
        checkout = checkout.rename(checkout.with_name("elsewhere"))
    process = run_setup(checkout, PYTHON="/bin/false")
    assert process.returncode == 1
    assert process.stderr == (
        "setup: PYTHON=/bin/false is not Python 3.11, 3.12 or 3.13: name one that is, or leave PYTHON out.\n"
    )


def test_make_lock_compiles_every_lock_of_what_runs() -> None:
    compiled = dict(re.findall(r"^lock (\S+\.in) (\S+\.lock)", (ROOT / "bin/lock.sh").read_text(), re.MULTILINE))
    wishes = {name(path) for path in known_files() if path.suffix == ".in" and "tests" not in name(path)}
    assert set(compiled) == wishes
    assert all(lock == wish.removesuffix(".in") + ".lock" for wish, lock in compiled.items())


def test_the_workflow_runs_what_ci_runs() -> None:
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]
    steps = [step.get("run") for job in jobs.values() for step in job["steps"]]
    assert ".ci/run ${{ matrix.verb }}" in steps
