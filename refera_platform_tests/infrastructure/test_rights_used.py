"""Every call of AWS that the functions and Dagster make, held against the role that they make it with."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.client import BaseClient

from refera_platform import definitions
from refera_platform.errors import WarehouseError
from refera_platform.orchestration import headless
from refera_platform.orchestration.run_request import DailyRunRequest
from refera_platform.project.compiled import write_compiled_tables
from refera_platform.runners.aws_lambda import handler, transform
from refera_platform.warehouse.catalogs import glue
from refera_platform_tests.business import TODAY
from refera_platform_tests.checkout import checkout_project, declared_tables
from refera_platform_tests.infrastructure.planned import Planned
from refera_platform_tests.infrastructure.policy import allows
from refera_platform_tests.infrastructure.test_rights import (
    EXTRACT,
    RUN,
    TRANSFORM,
    WHOLE_DAY,
    WITH_DAGSTER,
    places,
)
from refera_platform_tests.runners.calls import Context, tell, variables
from refera_platform_tests.runners.conftest import MESSAGES
from refera_platform_tests.warehouse.test_build import add_a_row_without_a_key

ASKED = {"database": "classicmodels", "stage": "production"}
ACTIONS = {
    "GetObject": "s3:GetObject",
    "HeadObject": "s3:GetObject",
    "PutObject": "s3:PutObject",
    "UploadPart": "s3:PutObject",
    "CreateMultipartUpload": "s3:PutObject",
    "CompleteMultipartUpload": "s3:PutObject",
    "UploadPartCopy": "s3:PutObject",
    "AbortMultipartUpload": "s3:AbortMultipartUpload",
    "DeleteObject": "s3:DeleteObject",
}
"""Calls for one object, and the right that IAM asks for."""


class Recorded:
    """Rights that calls asked for: action and ARN."""

    def __init__(self, stage: Any, made: Planned) -> None:
        bucket, _, prefix = stage.lake.removeprefix("s3://").removesuffix("/raw").partition("/")
        told = places(made)
        self._ours, self._messages = (bucket, f"{prefix}/"), told["messages"]
        self._lake, self._warehouse, self._extract = told["lake"], told["warehouse"], told["extract"]
        self.asked: set[tuple[str, str]] = set()

    def heard(self, operation: str, given: Mapping[str, Any]) -> None:
        """Note one call of boto3."""
        if operation in ACTIONS:
            self._object(ACTIONS[operation], given["Bucket"], given["Key"])
        elif operation == "CopyObject":
            self._object("s3:PutObject", given["Bucket"], given["Key"])
            self._object("s3:GetObject", given["CopySource"]["Bucket"], given["CopySource"]["Key"])
        elif operation == "DeleteObjects":
            for each in given["Delete"]["Objects"]:
                self._object("s3:DeleteObject", given["Bucket"], each["Key"])
        elif operation == "ListObjectsV2":
            self.asked.add(("s3:ListBucket", self._place(given["Bucket"], given.get("Prefix", ""))[0]))
        elif operation == "Invoke":
            self.asked.add(("lambda:InvokeFunction", self._extract))
        else:
            self.asked.add((f"unknown:{operation}", "*"))

    def _object(self, action: str, bucket: str, key: str) -> None:
        self.asked.add((action, "/".join(self._place(bucket, key))))

    def _place(self, bucket: str, key: str) -> tuple[str, str]:
        if bucket == MESSAGES:
            return self._messages, key
        assert bucket == self._ours[0]
        assert key.startswith(self._ours[1])
        key = key.removeprefix(self._ours[1])
        return (self._lake if key.startswith("raw/") else self._warehouse), key

    def refused_to(self, policy: Mapping[str, Any]) -> list[tuple[str, str]]:
        """What the role of the policy may not do of it."""
        return sorted(each for each in self.asked if not allows([policy], *each))


@pytest.fixture
def listening(monkeypatch: pytest.MonkeyPatch) -> list[Recorded]:
    """Whoever is in the list hears every call of boto3 in this process."""
    hearing: list[Recorded] = []
    real = BaseClient._make_api_call

    def called(client: BaseClient, operation: str, given: Mapping[str, Any]) -> Any:
        for each in hearing:
            each.heard(operation, given)
        return real(client, operation, given)

    monkeypatch.setattr(BaseClient, "_make_api_call", called)
    return hearing


def test_reading_the_source(planned: Mapping[str, Planned], stage, shop, tmp_path, monkeypatch, listening) -> None:
    made = planned[WHOLE_DAY]
    write_compiled_tables(tmp_path, declared_tables())
    places = {"REFERA_HOME": str(tmp_path), "REFERA_PROJECT": str(tmp_path)}
    tell(monkeypatch, variables(stage, **places, REFERA_PIECE_ROWS="2"))
    recorded = Recorded(stage, made)
    listening.append(recorded)
    handler.handler({**ASKED, "scheduled_at": "2026-03-11T00:30:00Z"}, Context())
    handler.handler({**ASKED, "operation": "log"}, Context())
    handler.handler({"operation": "doctor", "stage": "production"}, Context())
    done = {action for action, _ in recorded.asked}
    assert done == {"s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject"}
    assert recorded.refused_to(made.policy(EXTRACT)) == []
    assert recorded.refused_to(made.policy(TRANSFORM)), "the other role would not do"


def test_building_the_warehouse(planned: Mapping[str, Planned], copied, tmp_path, monkeypatch, listening) -> None:
    made = planned[WHOLE_DAY]
    tell(monkeypatch, variables(copied, REFERA_HOME=str(tmp_path)))
    recorded = Recorded(copied, made)
    listening.append(recorded)
    transform.handler({"stage": "production", "full_refresh": True}, Context())
    listening.clear()
    add_a_row_without_a_key(copied, f"classicmodels/payments/day={TODAY}/part-0.parquet")
    listening.append(recorded)
    with pytest.raises(WarehouseError):
        transform.handler({"stage": "production"}, Context())
    assert [arn for _, arn in recorded.asked if "/_failures/" in arn]
    assert recorded.refused_to(made.policy(TRANSFORM)) == []
    assert recorded.refused_to(made.policy(EXTRACT)), "the other role would not do"


def test_a_run_of_dagster(planned: Mapping[str, Planned], on_lambda, stage, shop, listening) -> None:
    made = planned[WITH_DAGSTER]
    recorded = Recorded(stage, made)
    listening.append(recorded)
    there = on_lambda.stage
    outcome = headless.run_headless(definitions.build(there, checkout_project()), there, DailyRunRequest(days=(TODAY,)))
    assert outcome.succeeded, outcome.failures
    assert {"lambda:InvokeFunction", "s3:PutObject"} <= {action for action, _ in recorded.asked}
    assert recorded.refused_to(made.policy(RUN)) == []


def test_showing_tables_to_athena(planned: Mapping[str, Planned]) -> None:
    text = Path(glue.__file__).read_text()
    called = {*re.findall(r"\bglue\.([a-z_]+)\(", text), *re.findall(r'get_paginator\("(\w+)"\)', text)} - {
        "get_paginator"
    }
    actions = {"glue:" + "".join(word.title() for word in each.split("_")) for each in called}
    granted = {
        action
        for statement in planned[WHOLE_DAY].policy(TRANSFORM)["Statement"]
        if statement["Sid"] == "ShowTablesToAthena"
        for action in statement["Action"]
    }
    assert len(actions) == 11
    assert granted == actions
