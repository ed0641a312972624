"""The files of deploy/ say what can be true: linters pass, what they name exists, and no variable is told in one place only."""

import fnmatch
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from refera_platform.settings.stage import load_stage
from refera_platform.settings.variables import ENVIRONMENT_VARIABLES
from refera_platform_tests.deploy import shape
from refera_platform_tests.house.test_packaging import PIN, pins
from refera_platform_tests.house.test_readme import commands
from refera_platform_tests.house.tree import ROOT

HADOLINT = Path(sys.executable).with_name("hadolint")
NOT_IN_PRODUCTION = {
    *("REFERA_STAGE", "REFERA_HOME", "REFERA_NOW", "REFERA_PROJECT"),
    *("REFERA_PIECE_ROWS", "REFERA_CLASSICMODELS_SECRET", "REFERA_HASH_KEY_SECRET"),
}
"""Said by the images or held in them, a clock that stands still, and what only a function on Lambda is told."""
OF_COMPOSE = {
    "REFERA_CODE_HOST",
    "REFERA_CODE_PORT",
    "REFERA_CODE_IMAGE",
    "REFERA_DAGSTER_IMAGE",
    "DAGSTER_WEB_PORT",
}
DAGSTER_FILES = {
    path.relative_to(ROOT).as_posix(): path for path in (shape.DEPLOY / "dagster.yaml", shape.DEPLOY / "workspace.yaml")
}


def variables_of(told: Any) -> set[str]:
    """Every ``{env: NAME}`` of a file of Dagster's."""
    if isinstance(told, dict):
        if set(told) == {"env"}:
            return {told["env"]}
        return {name for value in told.values() for name in variables_of(value)}
    return {name for value in told for name in variables_of(value)} if isinstance(told, list) else set()


def dockerfiles() -> dict[str, Path]:
    assert set(shape.DOCKERFILES) == {"Dockerfile.code", "Dockerfile.dagster"}
    return shape.DOCKERFILES


@pytest.mark.parametrize("name", shape.IMAGES)
def test_hadolint_finds_nothing(name: str) -> None:
    done = subprocess.run([str(HADOLINT), str(shape.IMAGES[name])], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("name", shape.IMAGES)
def test_no_finding_of_hadolint_is_hidden(name: str) -> None:
    assert "hadolint" not in shape.IMAGES[name].read_text()


def test_hadolint_finds_what_is_planted(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM python\nRUN cd /tmp\n")
    done = subprocess.run([str(HADOLINT), str(tmp_path / "Dockerfile")], capture_output=True, text=True)
    assert {"DL3006", "DL3003"} <= set(re.findall(r"DL\d+", done.stdout))


@pytest.mark.parametrize("name", shape.DOCKERFILES)
def test_an_image_runs_as_a_user_of_its_own_with_a_health_check(name: str) -> None:
    stages = dict(shape.last_stage(dockerfiles()[name]))
    assert stages["USER"] == ["10001:10001"]
    assert {"--interval=30s", "CMD"} <= set(stages["HEALTHCHECK"])
    assert re.fullmatch(r"python:3\.11-slim-\w+", dict(shape.instructions(dockerfiles()[name]))["ARG"][0].split("=")[1])
    made = [words for kind, words in shape.last_stage(dockerfiles()[name]) if kind == "RUN" and "useradd" in words]
    assert {"--uid", "--gid", "10001", "/usr/sbin/nologin"} <= set(made[0])


@pytest.mark.parametrize("name", shape.IMAGES)
def test_what_an_image_copies_exists_and_reaches_the_build(name: str) -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = {line.removeprefix("!") for line in lines if line.startswith("!")}
    sources = {source for source, _ in shape.copied(shape.IMAGES[name])}
    assert sources
    assert not [source for source in sources if not (ROOT / source).exists()]
    assert sources <= allowed
    assert not [source for source in sources if any(fnmatch.fnmatch(source, each) for each in shape.ignored())]


def test_a_build_is_told_of_nothing_that_no_image_copies() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert allowed == {source for path in shape.IMAGES.values() for source, _ in shape.copied(path)}
    assert lines[1] == "*"


@pytest.mark.parametrize("name", shape.DOCKERFILES)
def test_an_image_installs_a_lock_with_hashes(name: str) -> None:
    words = [word for _, each in shape.instructions(shape.DOCKERFILES[name]) for word in each]
    assert {"--require-hashes", "--no-deps"} <= set(words)
    (lock,) = {source for source, _ in shape.copied(shape.DOCKERFILES[name]) if source.endswith(".lock")}
    assert f"/build/{Path(lock).name}" in words
    blocks = re.split(r"\n(?=\S)", (ROOT / lock).read_text())
    assert not [each for each in blocks if PIN.match(each) and "--hash=sha256:" not in each]


def test_the_webserver_has_the_versions_of_the_code_location() -> None:
    ours = pins("deploy/docker/dagster.lock")
    assert ours <= pins("requirements.lock")
    wished = {
        line for line in (shape.DEPLOY / "docker/dagster.in").read_text().splitlines() if not line.startswith("#")
    }
    assert wished <= {name for name, _ in ours}
    assert not {"dbt-core", "duckdb", "pymysql"} & {name for name, _ in ours}


def test_every_variable_of_compose_is_in_the_example() -> None:
    text = re.sub(r"^\s*#.*$", "", shape.COMPOSE.read_text(), flags=re.MULTILINE)
    named = {name for name, _, _ in shape.VARIABLE.findall(text)}
    passed_on = {
        name
        for each in shape.compose()["services"].values()
        for name, value in each["environment"].items()
        if value is None
    }
    assert {"DAGSTER_POSTGRES_PASSWORD", "DAGSTER_LOGS_BUCKET"} <= named
    assert named | passed_on <= set(shape.example())


def test_the_example_has_every_setting_of_production_and_no_other() -> None:
    settings = {name for name in shape.example() if name.startswith("REFERA_")} - OF_COMPOSE
    assert settings == set(ENVIRONMENT_VARIABLES) - NOT_IN_PRODUCTION


def test_the_example_keeps_no_secret() -> None:
    secret = {
        name: value
        for name, value in shape.example().items()
        if re.search("PASSWORD|SECRET|KEY|_URL$|WEBHOOK|SMTP", name)
    }
    assert set(secret.values()) == {""}


@pytest.mark.parametrize("service", ["code", "webserver", "daemon"])
def test_a_service_is_told_every_variable_that_dagster_looks_up(service: str) -> None:
    told = set(shape.compose()["services"][service]["environment"])
    for path in DAGSTER_FILES.values():
        assert variables_of(yaml.safe_load(path.read_text())) <= told


def test_only_the_code_location_is_told_of_the_source() -> None:
    for name, service in shape.compose()["services"].items():
        told = {each for each in service["environment"] if each in ENVIRONMENT_VARIABLES}
        assert bool(told or service.get("env_file")) == (name == "code")


def test_the_example_is_a_production_stage(tmp_path: Path) -> None:
    given = {
        **shape.example(),
        **shape.image_variables(shape.DOCKERFILES["Dockerfile.code"]),
        "REFERA_CLASSICMODELS_URL": "mysql://user:password@db.example.com/shop",
        "REFERA_LAKE": "s3://bucket/raw",
        "REFERA_WAREHOUSE": "s3://bucket/warehouse",
    }
    found = load_stage(given)
    assert (found.name, str(found.home)) == ("production", "/var/lib/refera")


def test_a_service_waits_for_what_it_needs_and_says_how_it_is() -> None:
    services = shape.compose()["services"]
    assert set(services) == {"postgres", "code", "webserver", "daemon"}
    for name, service in services.items():
        assert all(each["condition"] == "service_healthy" for each in service.get("depends_on", {}).values())
        image = service.get("build", {}).get("dockerfile")
        assert "healthcheck" in service or "HEALTHCHECK" in dict(shape.last_stage(ROOT / image)), name
        assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory"}
        assert service["restart"] == "unless-stopped"
        assert service["read_only"]
        assert set(service["networks"]) <= set(shape.compose()["networks"])
    assert [port for each in services.values() for port in each.get("ports", [])] == [
        "127.0.0.1:${DAGSTER_WEB_PORT:-3000}:3000"
    ]


def docker_compose() -> list[str] | None:
    """Docker Compose, as a program of its own or as the plugin; neither needs a daemon to read a file."""
    if found := shutil.which("docker-compose"):
        return [found]
    docker = shutil.which("docker")
    plugin = docker and subprocess.run([docker, "compose", "version"], capture_output=True).returncode == 0
    return [str(docker), "compose"] if plugin else None


def test_docker_compose_reads_it_as_the_tests_do(tmp_path: Path) -> None:
    program = docker_compose()
    if program is None:
        pytest.skip("Docker Compose is not installed")
    filled = {**shape.example(), "DAGSTER_POSTGRES_PASSWORD": "hush", "DAGSTER_LOGS_BUCKET": "logs"}
    (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in filled.items()))
    shutil.copy(shape.COMPOSE, tmp_path)
    bare = {name: value for name, value in os.environ.items() if name not in filled}
    done = subprocess.run(
        [*program, "-f", "compose.yaml", "config"], cwd=tmp_path, env=bare, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    read = yaml.safe_load(done.stdout)["services"]
    for service in ("code", "webserver", "daemon"):
        own = shape.image_variables(ROOT / shape.compose()["services"][service]["build"]["dockerfile"])
        ours = shape.environment(service, filled)
        theirs = {**own, **read[service]["environment"]}
        assert ours == theirs
        assert read[service].get("command") == shape.compose()["services"][service].get("command")


def test_the_commands_of_the_page_name_what_there_is() -> None:
    page = (shape.DEPLOY / "README.md").read_text()
    typed = commands(page)
    services, verbs = set(shape.compose()["services"]), {"up", "exec", "stop", "start"}
    for program, *words in typed:
        if program == "docker":
            assert words[:3] == ["compose", "-f", "deploy/compose.yaml"]
            assert words[3] in verbs
            assert words[3] == "up" or words[4] in services
        else:
            assert program in {"cp", "chmod"}
            assert {word for word in words if word.endswith("example.env")} <= {"deploy/example.env"}
    assert len([words for words in typed if words[0] == "docker"]) == 5
    files = {
        each for row in re.findall(r"^\| (`[^|]+) \|", page, re.MULTILINE) for each in re.findall(r"`([\w/.]+)`", row)
    }
    assert not [each for each in files if not (shape.DEPLOY / each).exists()]
