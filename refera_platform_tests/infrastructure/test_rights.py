"""What each role may do, and what it must be refused: its policies, decided as IAM decides."""

from collections.abc import Mapping

import pytest

from refera_platform_tests.infrastructure.planned import Planned
from refera_platform_tests.infrastructure.policy import allows

EXTRACT = "module.functions.aws_iam_role_policy.extract"
TRANSFORM = "module.functions.aws_iam_role_policy.transform[0]"
READERS = "module.readers.aws_iam_policy.readers"
SCHEDULER = "module.schedule.aws_iam_role_policy.scheduler"
RUN = "module.dagster[0].aws_iam_role_policy.run"
DAEMON = "module.dagster[0].aws_iam_role_policy.daemon"
WEBSERVER = "module.dagster[0].aws_iam_role_policy.webserver"
EXECUTION = "module.dagster[0].aws_iam_role_policy.execution"
WHOLE_DAY, WITH_DAGSTER = "a_whole_day_without_a_machine", "with_dagster_and_a_source"
RAW = "{lake}/raw/classicmodels/orders/day=2026-11-27/part-0.parquet"
PIECE = "{lake}/raw/_staging/classicmodels/orders/1/piece-00000.parquet"
TABLE = "{warehouse}/warehouse/fct_sales/part-0.parquet"
FAILED = "{warehouse}/warehouse/_failures/1/test.parquet"
GLUE = "arn:aws:glue:eu-central-1:000000000000:table/refera_warehouse/fct_sales"
LIST = "s3:ListBucket"


def places(made: Planned) -> dict[str, str]:
    """ARNs of what was made."""
    found = {
        name: made[f'module.bucket["{name}"].aws_s3_bucket.this']["arn"]
        for name in ("lake", "warehouse", "messages", "artifacts")
    }
    functions = "module.functions.aws_lambda_function"
    return {
        **found,
        "extract": made[f"{functions}.extract"]["arn"],
        "transform": made.resources.get(f"{functions}.transform[0]", {"arn": "no-transform"})["arn"],
        "source": made["module.secrets.aws_secretsmanager_secret.source"]["arn"],
        "queue": made["module.functions.aws_sqs_queue.failed"]["arn"],
        "key": made["module.key.aws_kms_key.this"]["arn"],
        "log": made["module.functions.aws_cloudwatch_log_group.extract"]["arn"],
    }


ALLOWED = [
    (WHOLE_DAY, EXTRACT, "s3:PutObject", RAW, {}),
    (WHOLE_DAY, EXTRACT, "s3:GetObject", RAW, {}),
    (WHOLE_DAY, EXTRACT, LIST, "{lake}", {}),
    (WHOLE_DAY, EXTRACT, "s3:DeleteObject", PIECE, {}),
    (WHOLE_DAY, EXTRACT, "s3:PutObject", "{messages}/x/1.json", {}),
    (WHOLE_DAY, EXTRACT, "secretsmanager:GetSecretValue", "{source}", {}),
    (WHOLE_DAY, EXTRACT, "lambda:InvokeFunction", "{transform}", {}),
    (WHOLE_DAY, EXTRACT, "sqs:SendMessage", "{queue}", {}),
    (WHOLE_DAY, EXTRACT, "kms:GenerateDataKey", "{key}", {}),
    (WHOLE_DAY, EXTRACT, "logs:PutLogEvents", "{log}:log-stream:1", {}),
    (WHOLE_DAY, EXTRACT, "ec2:CreateNetworkInterface", "*", {}),
    (WHOLE_DAY, TRANSFORM, "s3:GetObject", RAW, {}),
    (WHOLE_DAY, TRANSFORM, LIST, "{lake}", {}),
    (WHOLE_DAY, TRANSFORM, "s3:PutObject", TABLE, {}),
    (WHOLE_DAY, TRANSFORM, "s3:PutObject", FAILED, {}),
    (WHOLE_DAY, TRANSFORM, "s3:DeleteObject", TABLE, {}),
    (WHOLE_DAY, TRANSFORM, "glue:UpdateTable", GLUE, {}),
    (WHOLE_DAY, TRANSFORM, "sqs:SendMessage", "{queue}", {}),
    (WHOLE_DAY, READERS, "s3:GetObject", TABLE, {}),
    (WHOLE_DAY, READERS, LIST, "{warehouse}", {}),
    (WHOLE_DAY, READERS, "glue:GetPartitions", GLUE, {}),
    (WHOLE_DAY, SCHEDULER, "lambda:InvokeFunction", "{extract}", {}),
    (WHOLE_DAY, SCHEDULER, "sqs:SendMessage", "{queue}", {}),
    (WITH_DAGSTER, RUN, "lambda:InvokeFunction", "{extract}", {}),
    (WITH_DAGSTER, RUN, "s3:GetObject", "{messages}/x/1.json", {}),
    (WITH_DAGSTER, RUN, LIST, "{messages}", {}),
    (WITH_DAGSTER, RUN, "s3:GetObject", RAW, {}),
    (WITH_DAGSTER, RUN, "s3:PutObject", TABLE, {}),
    (
        WITH_DAGSTER,
        DAEMON,
        "ecs:RunTask",
        "arn:aws:ecs:eu-central-1:000000000000:task-definition/refera-run:1",
        {"ecs__cluster": "{cluster}"},
    ),
    (WITH_DAGSTER, DAEMON, "iam:PassRole", "{run_role}", {"iam__PassedToService": "ecs-tasks.amazonaws.com"}),
]
REFUSED = [
    (WHOLE_DAY, EXTRACT, "s3:GetObject", TABLE, {}),
    (WHOLE_DAY, EXTRACT, "s3:PutObject", TABLE, {}),
    (WHOLE_DAY, EXTRACT, "s3:DeleteObject", TABLE, {}),
    (WHOLE_DAY, EXTRACT, LIST, "{warehouse}", {}),
    (WHOLE_DAY, EXTRACT, "s3:DeleteObject", RAW, {}),
    (WHOLE_DAY, EXTRACT, "s3:DeleteObjectVersion", PIECE, {}),
    (WHOLE_DAY, EXTRACT, "s3:PutObject", "{lake}/elsewhere/part-0.parquet", {}),
    (WHOLE_DAY, EXTRACT, "s3:GetObject", "{messages}/x/1.json", {}),
    (WHOLE_DAY, EXTRACT, "s3:PutObject", "{artifacts}/extract/1.zip", {}),
    (WHOLE_DAY, EXTRACT, "s3:PutBucketPolicy", "{lake}", {}),
    (
        WHOLE_DAY,
        EXTRACT,
        "secretsmanager:GetSecretValue",
        "arn:aws:secretsmanager:eu-central-1:000000000000:secret:other",
        {},
    ),
    (WHOLE_DAY, EXTRACT, "secretsmanager:PutSecretValue", "{source}", {}),
    (WHOLE_DAY, EXTRACT, "lambda:InvokeFunction", "{extract}", {}),
    (WHOLE_DAY, EXTRACT, "sqs:ReceiveMessage", "{queue}", {}),
    (WHOLE_DAY, EXTRACT, "kms:ScheduleKeyDeletion", "{key}", {}),
    (WHOLE_DAY, EXTRACT, "glue:GetTable", GLUE, {}),
    (WHOLE_DAY, TRANSFORM, "s3:PutObject", RAW, {}),
    (WHOLE_DAY, TRANSFORM, "s3:DeleteObject", RAW, {}),
    (WHOLE_DAY, TRANSFORM, "s3:DeleteObjectVersion", TABLE, {}),
    (WHOLE_DAY, TRANSFORM, "s3:PutObject", "{messages}/x/1.json", {}),
    (WHOLE_DAY, TRANSFORM, "secretsmanager:GetSecretValue", "{source}", {}),
    (WHOLE_DAY, TRANSFORM, "lambda:InvokeFunction", "{extract}", {}),
    (WHOLE_DAY, TRANSFORM, "logs:PutLogEvents", "{log}:log-stream:1", {}),
    (WHOLE_DAY, TRANSFORM, "glue:UpdateTable", GLUE.replace("refera_warehouse", "other"), {}),
    (WHOLE_DAY, READERS, "s3:PutObject", TABLE, {}),
    (WHOLE_DAY, READERS, "s3:DeleteObject", TABLE, {}),
    (WHOLE_DAY, READERS, "s3:GetObject", RAW, {}),
    (WHOLE_DAY, READERS, "s3:GetObject", FAILED, {}),
    (WHOLE_DAY, READERS, LIST, "{lake}", {}),
    (WHOLE_DAY, READERS, "glue:UpdateTable", GLUE, {}),
    (WHOLE_DAY, READERS, "kms:GenerateDataKey", "{key}", {}),
    (WHOLE_DAY, SCHEDULER, "lambda:InvokeFunction", "{transform}", {}),
    (WHOLE_DAY, SCHEDULER, "s3:GetObject", RAW, {}),
    (WITH_DAGSTER, RUN, "s3:PutObject", RAW, {}),
    (WITH_DAGSTER, RUN, "s3:DeleteObject", PIECE, {}),
    (WITH_DAGSTER, RUN, "secretsmanager:GetSecretValue", "{source}", {}),
    (WITH_DAGSTER, RUN, "s3:PutObject", "{messages}/x/1.json", {}),
    (WITH_DAGSTER, RUN, "ecs:RunTask", "*", {}),
    (WITH_DAGSTER, DAEMON, "s3:GetObject", TABLE, {}),
    (WITH_DAGSTER, DAEMON, "iam:PassRole", "{run_role}", {"iam__PassedToService": "ec2.amazonaws.com"}),
    (
        WITH_DAGSTER,
        DAEMON,
        "iam:PassRole",
        "arn:aws:iam::000000000000:role/admin",
        {"iam__PassedToService": "ecs-tasks.amazonaws.com"},
    ),
    (
        WITH_DAGSTER,
        DAEMON,
        "ecs:RunTask",
        "arn:aws:ecs:eu-central-1:000000000000:task-definition/refera-run:1",
        {"ecs__cluster": "another"},
    ),
    (WITH_DAGSTER, DAEMON, "secretsmanager:GetSecretValue", "{source}", {}),
    (WITH_DAGSTER, WEBSERVER, "lambda:InvokeFunction", "{extract}", {}),
    (WITH_DAGSTER, WEBSERVER, "ecs:RunTask", "*", {}),
    (WITH_DAGSTER, WEBSERVER, "s3:GetObject", RAW, {}),
    (WITH_DAGSTER, EXECUTION, "secretsmanager:GetSecretValue", "{source}", {}),
    (WITH_DAGSTER, EXECUTION, "s3:GetObject", RAW, {}),
]


def decided(made: Planned, role: str, action: str, resource: str, context: Mapping[str, str]) -> bool:
    told = places(made)
    if "module.dagster[0].aws_ecs_cluster.this" in made.resources:
        told["cluster"] = made["module.dagster[0].aws_ecs_cluster.this"]["arn"]
        told["run_role"] = made["module.dagster[0].aws_iam_role.run"]["arn"]
    asked = {name: value.format(**told) for name, value in context.items()}
    return allows([made.policy(role)], action, resource.format(**told), **asked)


def named(case: tuple[str, str, str, str, Mapping[str, str]]) -> str:
    return f"{case[1].rpartition('.')[2]}-{case[2]}-{case[3][:30]}"


@pytest.mark.parametrize("case", ALLOWED, ids=named)
def test_a_role_may(planned: Mapping[str, Planned], case) -> None:
    assert decided(planned[case[0]], *case[1:])


@pytest.mark.parametrize("case", REFUSED, ids=named)
def test_a_role_may_not(planned: Mapping[str, Planned], case) -> None:
    assert not decided(planned[case[0]], *case[1:])


@pytest.mark.parametrize("run", [WHOLE_DAY, WITH_DAGSTER])
def test_no_role_may_do_everything_anywhere(planned: Mapping[str, Planned], run: str) -> None:
    for address, policy in planned[run].role_policies().items():
        for statement in policy["Statement"]:
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            assert not [each for each in actions if "*" in each], address
            if statement["Resource"] == "*":
                assert not [
                    each for each in actions if each.split(":")[0] in {"s3", "kms", "lambda", "iam", "sqs", "glue"}
                ]


@pytest.mark.parametrize("name", ["lake", "warehouse", "messages", "artifacts"])
def test_a_bucket_takes_nothing_that_comes_without_tls(planned: Mapping[str, Planned], name: str) -> None:
    made = planned[WHOLE_DAY]
    everything = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    bucket = made[f'module.bucket["{name}"].aws_s3_bucket.this']["arn"]
    policies = [everything, made.policy(f'module.bucket["{name}"].aws_s3_bucket_policy.this')]
    for resource in (bucket, f"{bucket}/x"):
        assert not allows(policies, "s3:GetObject", resource, aws__SecureTransport="false", s3__TlsVersion="1.3")
        assert not allows(policies, "s3:GetObject", resource, aws__SecureTransport="true", s3__TlsVersion="1.1")
        assert allows(policies, "s3:GetObject", resource, aws__SecureTransport="true", s3__TlsVersion="1.2")


@pytest.mark.parametrize(
    ("statements", "answer"),
    [
        ([], False),
        ([{"Effect": "Allow", "Action": "s3:Get*", "Resource": "a/*"}], True),
        ([{"Effect": "Allow", "Action": ["s3:PutObject"], "Resource": "a/*"}], False),
        ([{"Effect": "Allow", "Action": "s3:GetObject", "Resource": ["b/*", "c"]}], False),
        ([{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "a/?"}], True),
        ([{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "a/[b]"}], False),
        (
            [
                {"Effect": "Allow", "Action": "*", "Resource": "*"},
                {"Effect": "Deny", "Action": "s3:*", "Resource": "a/b"},
            ],
            False,
        ),
        ([{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"StringLike": {"k": ["x", "v*"]}}}], True),
        ([{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"StringEquals": {"k": "x"}}}], False),
        ([{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"StringEquals": {"missing": "x"}}}], False),
        (
            [
                {"Effect": "Allow", "Action": "*", "Resource": "*"},
                {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"Bool": {"k": "false"}}},
            ],
            True,
        ),
    ],
)
def test_policies_are_decided_as_iam_decides(statements, answer: bool) -> None:
    assert allows([{"Statement": statements}], "s3:GetObject", "a/b", k="value") is answer
