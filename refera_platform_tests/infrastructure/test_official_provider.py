"""The modules by the official provider: its rules of values, its order of making, and what an emulator of AWS then has."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from refera_platform_tests.infrastructure import official
from refera_platform_tests.infrastructure.planned import Planned
from refera_platform_tests.infrastructure.terraform import Terraform

IMAGE = "000000000000.dkr.ecr.eu-central-1.amazonaws.com/refera/{}@sha256:" + "0" * 64
INPUTS = {
    "region": "eu-central-1",
    "bucket_suffix": "example",
    "first_day": "2026-01-01",
    "has_hash_key": True,
    "extract": {"image": IMAGE.format("extract")},
    "transform": {"image": IMAGE.format("transform")},
    "alarm_emails": ["data@example.com"],
    "glue_database": "refera_warehouse",
}


@pytest.fixture(scope="module")
def terraform(terraform_is_here: None) -> Terraform:
    place = official.mirror()
    told = f'provider_installation {{\n  filesystem_mirror {{\n    path = "{place}"\n  }}\n}}\n'
    return Terraform({}, f"disable_checkpoint = true\n{told}")


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    """Address of an emulator of AWS."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture(scope="module")
def applied(terraform: Terraform, aws: str, tmp_path_factory: pytest.TempPathFactory) -> Planned:
    """What was made."""
    folder = official.known_part(tmp_path_factory.mktemp("official") / "terraform", aws)
    (folder / "terraform.tfvars.json").write_text(json.dumps(INPUTS))
    terraform.did(folder, "init", "-input=false")
    assert json.loads(terraform.did(folder, "validate", "-json"))["valid"]
    terraform.did(folder, "apply", "-auto-approve", "-input=false", "-parallelism=40")
    return Planned.of(json.loads(terraform.did(folder, "show", "-json"))["values"]["root_module"])


def asking(aws: str, service: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=aws,
        region_name="eu-central-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )


def test_buckets_are_private_and_take_tls_only(applied: Planned, aws: str) -> None:
    s3 = asking(aws, "s3")
    names = {each["Name"] for each in s3.list_buckets()["Buckets"]}
    assert names == {f"refera-{name}-example" for name in ("lake", "warehouse", "messages", "artifacts")}
    for name in names:
        assert set(s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"].values()) == {True}
        policy = json.loads(s3.get_bucket_policy(Bucket=name)["Policy"])
        assert policy["Statement"][0]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_functions_are_what_was_asked_for(applied: Planned, aws: str) -> None:
    lambdas, made = asking(aws, "lambda"), {}
    for name in ("extract", "transform"):
        made[name] = lambdas.get_function(FunctionName=f"refera-{name}")["Configuration"]
        assert made[name]["PackageType"] == "Image"
        assert made[name]["Timeout"] == 900
        assert made[name]["Role"].endswith(f":role/refera-{name}")
    told = made["extract"]["Environment"]["Variables"]
    secrets = {each["Name"]: each["ARN"] for each in asking(aws, "secretsmanager").list_secrets()["SecretList"]}
    assert told["REFERA_CLASSICMODELS_SECRET"] == secrets["refera/source"]
    assert told["REFERA_HASH_KEY_SECRET"] == secrets["refera/hash-key"]
    assert not [name for name in made["transform"]["Environment"]["Variables"] if "SECRET" in name]
    follows = lambdas.get_function_event_invoke_config(FunctionName="refera-extract")["DestinationConfig"]
    assert follows["OnSuccess"]["Destination"] == made["transform"]["FunctionArn"]
    queue = asking(aws, "sqs").get_queue_url(QueueName="refera-failed-calls")["QueueUrl"]
    arn = asking(aws, "sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    assert follows["OnFailure"]["Destination"] == arn


def test_no_secret_has_a_value(applied: Planned, aws: str) -> None:
    secrets = asking(aws, "secretsmanager")
    for each in secrets.list_secrets()["SecretList"]:
        with pytest.raises(secrets.exceptions.ResourceNotFoundException):
            secrets.get_secret_value(SecretId=each["ARN"])


def test_roles_have_their_policies(applied: Planned, aws: str) -> None:
    iam = asking(aws, "iam")
    for name in ("extract", "transform", "scheduler"):
        assert iam.list_role_policies(RoleName=f"refera-{name}")["PolicyNames"] == [f"refera-{name}"]
        assert not iam.list_attached_role_policies(RoleName=f"refera-{name}")["AttachedPolicies"]
    assert [each["PolicyName"] for each in iam.list_policies(Scope="Local")["Policies"]] == ["refera-readers"]


def test_alarms_speak_and_logs_are_kept(applied: Planned, aws: str) -> None:
    alarms = asking(aws, "cloudwatch").describe_alarms()["MetricAlarms"]
    topics = {each["TopicArn"] for each in asking(aws, "sns").list_topics()["Topics"]}
    assert len(alarms) == 11
    assert {tuple(each["AlarmActions"]) for each in alarms} == {tuple(topics)}
    groups = asking(aws, "logs").describe_log_groups()["logGroups"]
    assert {each["logGroupName"]: each["retentionInDays"] for each in groups} == {
        "/aws/lambda/refera-extract": 400,
        "/aws/lambda/refera-transform": 400,
    }


def test_everything_carries_the_tag_that_the_budget_counts(applied: Planned, aws: str) -> None:
    tagged = [values for values in applied.resources.values() if values.get("tags_all")]
    assert len(tagged) > 20
    assert {values["tags_all"]["application"] for values in tagged} == {"refera"}
