"""Mistakes that people make in Terraform, planted one by one: the gate finds each, and says where."""

import shutil
from pathlib import Path

import pytest

from refera_platform_tests.infrastructure.terraform import Terraform

FUNCTIONS, BUCKET, SCHEDULE, DAGSTER = (
    "modules/functions",
    "modules/bucket",
    "modules/schedule",
    "modules/dagster",
)
VALIDATE = [
    (FUNCTIONS, "main.tf", "memory_size   = var.extract.memory", "memory_sizee  = var.extract.memory", "memory_sizee"),
    (FUNCTIONS, "main.tf", "  role          = aws_iam_role.extract.arn\n", "", '"role" is required'),
    (FUNCTIONS, "main.tf", "aws_sqs_queue.failed.arn", "aws_sqs_queue.fallen.arn", "undeclared resource"),
    (FUNCTIONS, "main.tf", "timeout       = var.extract.timeout", 'timeout       = "long"', "a number is required"),
    (FUNCTIONS, "main.tf", "  ephemeral_storage {", "  ephemeral_storages {", "ephemeral_storages"),
    (FUNCTIONS, "main.tf", "    size = var.extract.storage\n", "    sizes = var.extract.storage\n", "sizes"),
    (SCHEDULE, "modern.tf", '  flexible_time_window {\n    mode = "OFF"\n  }\n', "", "flexible_time_window"),
    (
        SCHEDULE,
        "modern.tf",
        'aws_scheduler_schedule_group" "this',
        'aws_scheduler_scheduler_group" "this',
        "aws_scheduler_scheduler_group",
    ),
    (
        BUCKET,
        "outputs.tf",
        "aws_s3_bucket.this.arn",
        "aws_s3_bucket.this.arm",
        "no argument, nested block, or exported attribute",
    ),
    (BUCKET, "main.tf", 'resource "aws_s3_bucket" "this" {', 'resource "aws_s3_bucket" "this"', "Invalid"),
]
TEST = [
    (
        FUNCTIONS,
        "main.tf",
        "        destination = on_success.value.arn",
        "        destination = aws_sqs_queue.failed.arn",
    ),
    (FUNCTIONS, "main.tf", '"Zip" : "Image"', '"Zip" : "Docker"'),
    (FUNCTIONS, "main.tf", "python3.12", "python3.11"),
    (
        FUNCTIONS,
        "main.tf",
        'REFERA_LAKE      = "s3://${var.lake.name}/raw"',
        'REFERA_LAKE      = "s3://${var.warehouse.name}/raw"',
    ),
    (FUNCTIONS, "main.tf", "REFERA_CLASSICMODELS_SECRET = var.source_secret_arn, ", ""),
    (
        FUNCTIONS,
        "main.tf",
        'name              = "/aws/lambda/${local.extract}"',
        'name              = "/lambda/${local.extract}"',
    ),
    (FUNCTIONS, "roles.tf", "${var.lake.arn}/raw/_staging/*", "${var.lake.arn}/raw/*"),
    (FUNCTIONS, "roles.tf", "role = aws_iam_role.transform[0].id", "role = aws_iam_role.extract.id"),
    (SCHEDULE, "modern.tf", "arn      = var.function_arn", "arn      = var.failed_calls_arn"),
    (SCHEDULE, "modern.tf", "<aws.scheduler.scheduled-time>", "<aws.scheduler.execution-id>"),
    (SCHEDULE, "main.tf", "Resource = var.function_arn }", 'Resource = "*" }'),
    (BUCKET, "main.tf", "block_public_acls       = true", "block_public_acls       = false"),
    (BUCKET, "main.tf", '"aws:SecureTransport" = "false"', '"aws:SecureTransport" = "true"'),
    (BUCKET, "modern.tf", "days_after_initiation = 7", "days_after_initiation = 0"),
    (BUCKET, "modern.tf", "kms_master_key_id = var.kms_key_arn", "kms_master_key_id = null"),
    (DAGSTER, "main.tf", "desired_count   = 1", "desired_count   = 2"),
    (DAGSTER, "network.tf", "cidr_blocks       = var.viewers", 'cidr_blocks       = ["0.0.0.0/0"]'),
    (DAGSTER, "postgres.tf", '"rds.force_ssl" = "1"', '"rds.force_ssl" = "0"'),
]


def planted(modules: Path, place: Path, module: str, file: str, right: str, wrong: str) -> Path:
    """A copy of a module, and of the one that it stands on, with one mistake in it."""
    for name in {module, BUCKET}:
        shutil.copytree(modules / name, place / name, ignore=shutil.ignore_patterns(".terraform*"))
    path = place / module / file
    text = path.read_text()
    assert right in text, f"{file} has changed: plant another mistake"
    path.write_text(text.replace(right, wrong, 1))
    return place / module


@pytest.mark.parametrize(("module", "file", "right", "wrong", "said"), VALIDATE)
def test_validate_finds(
    stub: Terraform, modules: Path, tmp_path: Path, module: str, file: str, right: str, wrong: str, said: str
) -> None:
    folder = planted(modules, tmp_path, module, file, right, wrong)
    done = [stub.run(folder, "init", "-backend=false"), stub.run(folder, "validate")]
    assert done[-1].returncode != 0
    words = " ".join("".join(each.stderr for each in done).replace("│", " ").split())
    assert said in words
    assert file in words


@pytest.mark.parametrize(("module", "file", "right", "wrong"), TEST)
def test_tests_find(
    stub: Terraform, modules: Path, tmp_path: Path, module: str, file: str, right: str, wrong: str
) -> None:
    folder = planted(modules, tmp_path, module, file, right, wrong)
    stub.did(folder, "init", "-backend=false")
    done = stub.run(folder, "test")
    assert done.returncode != 0
    assert "Test assertion failed" in done.stderr


def test_the_formatter_finds_a_brace_that_is_missing(stub: Terraform, modules: Path, tmp_path: Path) -> None:
    folder = planted(modules, tmp_path, BUCKET, "outputs.tf", "\n}\n", "\n")
    assert stub.run(folder, "fmt", "-check").returncode != 0
