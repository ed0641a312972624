"""What the files of ``deploy/`` say, read as Docker would read them, and a folder that holds what an image would hold."""

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from refera_platform_tests.house.tree import ROOT

DEPLOY = ROOT / "deploy"
COMPOSE = DEPLOY / "compose.yaml"
EXAMPLE = DEPLOY / "example.env"
DOCKERFILES = {path.name: path for path in sorted((DEPLOY / "docker").glob("Dockerfile.*"))}
FUNCTIONS = {path.name: path for path in sorted((DEPLOY / "lambda").glob("Dockerfile.*"))}
"""Images for AWS Lambda."""
IMAGES = {**DOCKERFILES, **FUNCTIONS}
VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


def compose() -> dict[str, Any]:
    return yaml.safe_load(COMPOSE.read_text())


def example() -> dict[str, str]:
    """The variables of the example file and their values."""
    lines = [line for line in EXAMPLE.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def instructions(dockerfile: Path) -> list[tuple[str, list[str]]]:
    """Each instruction of a Dockerfile and its words."""
    text = "\n".join(line for line in dockerfile.read_text().splitlines() if not line.startswith("#"))
    found = []
    for line in text.replace("\\\n", " ").splitlines():
        if line.strip():
            name, _, rest = line.partition(" ")
            words = yaml.safe_load(rest) if rest.startswith("[") else shlex.split(rest)
            found.append((name, words))
    return found


def last_stage(dockerfile: Path) -> list[tuple[str, list[str]]]:
    """The instructions that make the image itself."""
    found = instructions(dockerfile)
    return found[max(index for index, (name, _) in enumerate(found) if name == "FROM") :]


def copied(dockerfile: Path) -> list[tuple[str, str]]:
    """What is copied from the checkout, and where to; a folder's name ends where it is copied to."""
    pairs, folder = [], ""
    for name, words in instructions(dockerfile):
        if name == "FROM":
            folder = ""
        elif name == "WORKDIR":
            folder = words[0]
        elif name == "COPY" and not words[0].startswith("--from"):
            *sources, target = words
            place = target if target.startswith("/") else f"{folder}/{target.removeprefix('./')}"
            pairs += [(each, place + Path(each).name if place.endswith("/") else place) for each in sources]
    return pairs


def image_variables(dockerfile: Path) -> dict[str, str]:
    """The environment that the image sets."""
    words = [word for name, each in last_stage(dockerfile) if name == "ENV" for word in each]
    return dict(word.split("=", 1) for word in words)


def ignored() -> list[str]:
    """What a build is not told of, among what it is."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    return [line for line in lines if line and not line.startswith(("#", "!", "*\n")) and line != "*"]


def filled_in(value: Any, variables: Mapping[str, str]) -> Any:
    """A value of the compose file, with variables as Docker Compose puts them in; an empty one takes its default."""

    def known(match: re.Match[str]) -> str:
        name, kind, words = match.groups()
        if given := variables.get(name):
            return given
        assert kind != "?", f"{name}: {words}"
        return words or ""

    return VARIABLE.sub(known, value) if isinstance(value, str) else value


def environment(service: str, variables: Mapping[str, str]) -> dict[str, str]:
    """What a service of the compose file is told, its image's own included."""
    told = compose()["services"][service]
    own = image_variables(DEPLOY.parent / told["build"]["dockerfile"])
    files = dict(variables) if told.get("env_file") else {}
    written = {
        name: variables.get(name) if value is None else filled_in(value, variables)
        for name, value in told["environment"].items()
    }
    return {**own, **files, **{name: value for name, value in written.items() if value is not None}}


def command(service: str) -> list[str]:
    """What a service runs: its own words, or its image's."""
    told = compose()["services"][service]
    if "command" in told:
        return [word.replace("$$", "$") for word in told["command"]]
    image = instructions(DEPLOY.parent / told["build"]["dockerfile"])
    return next(words for name, words in reversed(image) if name == "CMD")


def steps(dockerfile: Path) -> list[list[str]]:
    """What the image's own Python is told to do at last, one command a step."""
    found: list[list[str]] = []
    for name, words in last_stage(dockerfile):
        if name == "RUN":
            found.append([])
            for word in words:
                if word == "&&":
                    found.append([])
                else:
                    found[-1].append(word)
    return [words for words in found if words[0] == "python"]


def unpack(dockerfile: Path, root: Path) -> None:
    """Do what the Dockerfile does after its libraries: copy what it copies, and let Python do its steps."""
    names = {pattern.rpartition("/")[2] for pattern in ignored()}
    for source, target in copied(dockerfile):
        place = root / target.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, place, ignore=lambda _, found: names.intersection(found))
        else:
            shutil.copy2(ROOT / source, place)
    for _, *words in steps(dockerfile):
        here = root / "opt/refera"
        done = subprocess.run(
            [sys.executable, *words], cwd=here, env={"PYTHONPATH": str(here)}, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
