"""What deploy/lambda and deploy/terraform say to whoever follows them: each file, verb, event and input is there."""

import json
import re

import pytest

from refera_platform.runners.aws_lambda import event, transform
from refera_platform_tests.checkout import declared_tables
from refera_platform_tests.deploy import shape
from refera_platform_tests.house.test_readme import commands
from refera_platform_tests.house.tree import ROOT

PAGES = {name: shape.DEPLOY / name / "README.md" for name in ("lambda", "terraform")}
VERBS = re.findall(r"^([a-z_-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
PROGRAMS = {"aws", "cd", "cp", "docker", "make", "terraform"}
SHORT = {"database": "classicmodels", "stage": "production"}


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str) -> None:
    links = re.findall(r"\]\(([^)]+)\)", PAGES[name].read_text())
    assert links
    assert not [link for link in links if not (PAGES[name].parent / link).exists()]


@pytest.mark.parametrize("name", PAGES)
def test_commands_name_what_there_is(name: str) -> None:
    typed = commands(PAGES[name].read_text())
    assert {program for program, *_ in typed} <= PROGRAMS
    assert {words[0] for program, *words in typed if program == "make"} <= set(VERBS)
    named = [word for _, *words in typed for word in words if word.startswith("deploy/")]
    made = {"deploy/terraform/terraform.tfvars"}
    assert not [word for word in named if word not in made and not (ROOT / word).exists()]
    payloads = [words[words.index("--payload") + 1] for _, *words in typed if "--payload" in words]
    assert {event.parse_event(json.loads(each), declared_tables()).operation for each in payloads} == {
        event.Operation.DOCTOR
    }


def test_the_files_of_terraform_s_page_exist() -> None:
    rows = re.findall(r"^\| (`[^|]+) \|", PAGES["terraform"].read_text(), re.MULTILINE)
    files = [each for row in rows for each in re.findall(r"`([\w/.]+)`", row)]
    assert len(files) > 10
    assert not [each for each in files if not (PAGES["terraform"].parent / each).exists()]


def test_every_event_of_the_page_is_understood() -> None:
    rows = re.findall(r"^\| (`\{.*?) \|", PAGES["lambda"].read_text(), re.MULTILINE)
    read = []
    for row in rows:
        first, *more = re.findall(r"`([^`]+)`", row)
        text = re.sub(r'"(database|stage)": …', lambda match: f'"{match[1]}": "{SHORT[match[1]]}"', first)
        asked = json.loads(text.replace("1f…", "1f" * 16))
        for each in more:
            asked.update(json.loads("{" + each + "}"))
        if set(asked) <= transform.EVENT_FIELDS:
            read.append("transform")
        else:
            read.append(event.parse_event(asked, declared_tables()).operation.value)
    assert read == ["capture", "capture", "piece", "doctor", "log", "transform"]
