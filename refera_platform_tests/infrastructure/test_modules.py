"""deploy/terraform as Terraform itself sees it: written as its formatter writes, valid, and each wire where it belongs."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from refera_platform.settings.variables import ENVIRONMENT_VARIABLES
from refera_platform_tests.deploy import shape
from refera_platform_tests.infrastructure import schema
from refera_platform_tests.infrastructure.planned import Planned
from refera_platform_tests.infrastructure.terraform import FOLDERS, Terraform

TESTED = [folder for folder in FOLDERS if (schema.TERRAFORM / folder / "tests").exists()]
EXAMPLES = sorted(path.name for path in schema.TERRAFORM.glob("*.tfvars.example"))


def test_everything_is_written_as_the_formatter_writes(stub: Terraform, modules: Path) -> None:
    assert stub.did(modules, "fmt", "-check", "-recursive", "-diff") == ""


def test_the_schema_knows_what_the_modules_use() -> None:
    told = json.loads(schema.SCHEMA.read_text())
    known = {("resource", name) for name in told["resources"]} | {("data", name) for name in told["data"]}
    assert set(schema.used()) == known, f"renew {schema.SCHEMA.name}: {schema.__doc__}"
    assert told["version"].startswith("6.")


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_module_is_valid(stub: Terraform, modules: Path, folder: str) -> None:
    stub.did(modules / folder, "init", "-backend=false")
    answer = json.loads(stub.did(modules / folder, "validate", "-json"))
    assert (answer["valid"], answer["diagnostics"]) == (True, [])


def test_every_module_has_tests() -> None:
    assert set(FOLDERS) - set(TESTED) == {"bootstrap"}


@pytest.mark.parametrize("folder", TESTED)
def test_the_tests_of_a_module_pass(stub: Terraform, modules: Path, folder: str) -> None:
    written = sum(
        len(re.findall(r"^run ", path.read_text(), re.MULTILINE))
        for path in (schema.TERRAFORM / folder / "tests").glob("*.tftest.hcl")
    )
    stub.did(modules / folder, "init", "-backend=false")
    said = stub.did(modules / folder, "test")
    assert written > 0
    assert f"Success! {written} passed, 0 failed." in said


def test_no_input_goes_unasked(stub: Terraform) -> None:
    texts = "".join(path.read_text() for path in schema.TERRAFORM.glob("variables*.tf"))
    names = set(re.findall(r'^variable "(\w+)"', texts, re.MULTILINE))
    refused = (schema.TERRAFORM / "tests/refused.tftest.hcl").read_text()
    unasked = {"tags", "is_scheduled", "has_hash_key"}
    """What has a type and no rule beyond it."""
    assert set(re.findall(r"expect_failures = \[var\.(\w+)\]", refused)) == names - unasked


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_is_taken_once_it_is_filled_in(stub: Terraform, modules: Path, tmp_path: Path, example: str) -> None:
    text = (schema.TERRAFORM / example).read_text()
    text = re.sub(r"^# (?=[ }\w]+( = .*|\{|\})?$)", "", text, flags=re.MULTILINE)
    digest = f"registry/image@sha256:{'0' * 64}"
    text = re.sub(r'(image\s+= )""', rf'\1"{digest}"', text)
    text = re.sub(r'zip += ".*"', 'zip = "tests/package.txt"', text)
    run = 'mock_provider "aws" {}\n\nvariables {\n' + text + '\n}\n\nrun "example" {\n  command = plan\n}\n'
    (modules / "tests/example.tftest.hcl").write_text(run)
    try:
        stub.did(modules, "init", "-backend=false")
        assert "1 passed, 0 failed" in stub.did(modules, "test", "-filter=tests/example.tftest.hcl")
    finally:
        (modules / "tests/example.tftest.hcl").unlink()


def test_modules_are_wired_to_one_another(planned: Mapping[str, Planned]) -> None:
    made = planned["a_whole_day_without_a_machine"]
    functions = "module.functions.aws_lambda_function"
    told = made[f"{functions}.extract"]["environment"][0]["variables"]
    bucket = {name: made[f'module.bucket["{name}"].aws_s3_bucket.this'] for name in ("lake", "warehouse", "messages")}
    key = made["module.key.aws_kms_key.this"]["arn"]
    assert told["REFERA_LAKE"] == f"s3://{bucket['lake']['bucket']}/raw"
    assert told["REFERA_WAREHOUSE"] == f"s3://{bucket['warehouse']['bucket']}/warehouse"
    assert told["REFERA_CLASSICMODELS_SECRET"] == made["module.secrets.aws_secretsmanager_secret.source"]["arn"]
    assert told["REFERA_HASH_KEY_SECRET"] == made["module.secrets.aws_secretsmanager_secret.hash_key[0]"]["arn"]
    schedule = made["module.schedule.aws_scheduler_schedule.daily"]
    assert schedule["target"][0]["arn"] == made[f"{functions}.extract"]["arn"]
    queue = made["module.functions.aws_sqs_queue.failed"]
    assert schedule["target"][0]["dead_letter_config"][0]["arn"] == queue["arn"]
    assert schedule["state"] == "ENABLED"
    alarm = made['module.alarms.aws_cloudwatch_metric_alarm.above["failed-calls"]']
    assert alarm["dimensions"] == {"QueueName": queue["name"]}
    group = made["module.network[0].aws_security_group.functions"]["id"]
    for name in ("extract", "transform[0]"):
        assert made[f"{functions}.{name}"]["vpc_config"][0]["security_group_ids"] == [group]
        assert made[f"{functions}.{name}"]["kms_key_arn"] == key
    encrypted = {
        address: values["rule"][0]["apply_server_side_encryption_by_default"][0]["kms_master_key_id"]
        for address, values in made.resources.items()
        if ".aws_s3_bucket_server_side_encryption_configuration." in address
    }
    assert len(encrypted) == 4
    assert set(encrypted.values()) == {key}


def test_what_expires_is_what_the_platform_throws_away(planned: Mapping[str, Planned]) -> None:
    made = planned["only_what_reads"]
    expires = {
        name: {
            rule["filter"][0]["prefix"]: rule["expiration"][0]["days"]
            for rule in made[f'module.bucket["{name}"].aws_s3_bucket_lifecycle_configuration.this']["rule"]
            if rule["id"].startswith("expire-")
        }
        for name in ("lake", "warehouse", "messages", "artifacts")
    }
    assert expires == {
        "lake": {"raw/_staging/": 7},
        "warehouse": {"warehouse/_failures/": 30},
        "messages": {"": 7},
        "artifacts": {},
    }


def test_a_function_is_told_no_variable_that_it_does_not_know(planned: Mapping[str, Planned]) -> None:
    made = planned["a_whole_day_without_a_machine"]
    for name in ("extract", "transform[0]"):
        told = made[f"module.functions.aws_lambda_function.{name}"]["environment"][0]["variables"]
        assert set(told) <= set(ENVIRONMENT_VARIABLES)


def test_dagster_and_a_source_are_wired(planned: Mapping[str, Planned]) -> None:
    made = planned["with_dagster_and_a_source"]
    tasks = made["module.dagster[0].aws_security_group.tasks"]["id"]
    functions = made["module.network[0].aws_security_group.functions"]["id"]
    called = {
        address.rpartition(".")[2]: values["source_security_group_id"]
        for address, values in made.resources.items()
        if address.startswith("module.source[0].aws_security_group_rule.called")
    }
    assert called == {'called["functions"]': functions, 'called["dagster"]': tasks}
    source = made["module.source[0].aws_security_group.this"]["id"]
    assert (
        made['module.network[0].aws_security_group_rule.source_group["source"]']["source_security_group_id"] == source
    )
    assert made["module.schedule.aws_scheduler_schedule.daily"]["state"] == "DISABLED"


def test_services_are_told_what_dagster_s_files_look_up(planned: Mapping[str, Planned]) -> None:
    from refera_platform_tests.deploy.test_files import variables_of

    made = planned["with_dagster_and_a_source"]
    launcher = yaml.safe_load((shape.DEPLOY / "ecs/dagster.yaml").read_text())
    looked_up = variables_of(launcher) | variables_of(yaml.safe_load((shape.DEPLOY / "workspace.yaml").read_text()))
    handed_on = set(launcher["run_launcher"]["config"]["env_vars"])
    compose = shape.compose()["services"]
    for service in ("webserver", "daemon", "code"):
        address = f'module.dagster[0].aws_ecs_task_definition.this["{service}"]'
        (container,) = json.loads(made[address]["container_definitions"])
        told = {each["name"] for each in (*container["environment"], *container["secrets"])}
        assert looked_up | handed_on <= told
        written = compose[service].get("command")
        assert container["command"] == (written and [word.replace("$$", "$") for word in written])
    code = json.loads(made['module.dagster[0].aws_ecs_task_definition.this["code"]']["container_definitions"])[0]
    assert {each["value"] for each in code["environment"] if each["name"] == "DAGSTER_CONTAINER_IMAGE"} == {
        code["image"]
    }
