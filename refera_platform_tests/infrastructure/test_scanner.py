"""checkov over the modules: nothing is found, every exception has its reason beside the resource, and rights exist.

It lives in an environment of its own, made once from checkov.lock: its libraries would fight with ours.

    uv pip compile --python-version 3.11 --universal --generate-hashes --no-emit-index-url --no-header checkov.in -o checkov.lock
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from refera_platform_tests.infrastructure.official import cache
from refera_platform_tests.infrastructure.planned import Planned
from refera_platform_tests.infrastructure.schema import TERRAFORM

LOCK = Path(__file__).with_name("checkov.lock")
SKIPPED = re.compile(r"#checkov:skip=(\w+):(.*)")
KNOWN = """
import json, sys
from policy_sentry.querying.actions import get_action_data
print(json.dumps([each for each in json.load(sys.stdin) if not get_action_data(*each.split(":"))]))
"""
OWN_WORDS = re.compile(r"[A-Za-z]{3,}")


@pytest.fixture(scope="session")
def scanner() -> Path:
    """Folder of the environment's programs."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    place = cache() / f"checkov-{version}-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]}"
    if not (place / "bin/checkov").exists():
        fresh = place.with_name(f"{place.name}-{os.getpid()}")
        wanted = [
            "install",
            "--quiet",
            "--no-deps",
            "--require-hashes",
            "--only-binary",
            ":all:",
            "-r",
            str(LOCK),
        ]
        steps = (
            [sys.executable, "-m", "venv", str(fresh)],
            [str(fresh / "bin/python"), "-m", "pip", *wanted],
        )
        for step in steps:
            done = subprocess.run(step, capture_output=True, text=True)
            if done.returncode:
                shutil.rmtree(fresh, ignore_errors=True)
                said = (done.stderr or done.stdout).strip().splitlines()[-1]
                pytest.skip(f"checkov could not be installed: {said}")
        # an environment cannot be moved: programs name its Python, so they are started by it
        if not place.exists():
            fresh.rename(place)
    return place / "bin"


def scanned(scanner: Path, folder: Path) -> Mapping[str, Any]:
    asked = ["--framework", "terraform", "--compact", "--skip-download", "--skip-path", "tests", "-o", "json"]
    done = subprocess.run(
        [str(scanner / "python"), "-m", "checkov.main", "--directory", str(folder), *asked],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "HOME": str(cache())},
    )
    answer: Mapping[str, Any] = json.loads(done.stdout)
    return answer


def test_nothing_is_found(scanner: Path) -> None:
    answer = scanned(scanner, TERRAFORM)
    found = [(each["check_id"], each["check_name"], each["resource"]) for each in answer["results"]["failed_checks"]]
    assert found == []
    assert answer["results"]["parsing_errors"] == []
    assert answer["summary"]["passed"] > 250
    used = {each["check_id"] for each in answer["results"]["skipped_checks"]}
    assert used == {name for name, _ in exceptions()}, "an exception that nothing needs any more"


def exceptions() -> list[tuple[str, str]]:
    """Each exception and its reason."""
    return [found for path in TERRAFORM.rglob("*.tf") for found in SKIPPED.findall(path.read_text())]


def test_every_exception_has_a_reason() -> None:
    assert len(exceptions()) > 10
    assert not [name for name, reason in exceptions() if len(OWN_WORDS.findall(reason)) < 3]


def test_what_is_planted_is_found(scanner: Path, tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(
        'resource "aws_s3_bucket" "open" {\n  bucket = "b"\n  acl    = "public-read"\n}\n\n'
        'resource "aws_iam_role_policy" "all" {\n  role = "r"\n  policy = jsonencode({ Version = "2012-10-17",\n'
        '    Statement = [{ Effect = "Allow", Action = "*", Resource = "*" }] })\n}\n'
    )
    found = {each["check_id"] for each in scanned(scanner, tmp_path)["results"]["failed_checks"]}
    assert {"CKV_AWS_20", "CKV_AWS_62"} <= found


def test_every_right_is_one_that_aws_knows(scanner: Path, planned: Mapping[str, Planned]) -> None:
    actions = {
        action
        for made in planned.values()
        for policy in made.policies()
        for statement in policy["Statement"]
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
        if "*" not in action
    }
    assert len(actions) > 40
    asked = json.dumps(sorted({*actions, "s3:PutObjekt"}))
    done = subprocess.run(
        [str(scanner / "python"), "-c", KNOWN], input=asked, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == ["s3:PutObjekt"]
