"""What Dagster is told of a call: over S3, and nothing that the error of the call leaves out."""

import json
import random
import string

import pytest
from dagster_pipes import encode_param

from refera_platform.aws import s3_client
from refera_platform.errors import LakeError, SettingError
from refera_platform.ingest.result import IngestFailure
from refera_platform.runners.aws_lambda.reporter import open_reporter
from refera_platform_tests.checkout import find_table

CONTEXT = {
    "asset_keys": ["raw/classicmodels/orders"],
    "code_version_by_asset_key": None,
    "provenance_by_asset_key": None,
    "partition_key": None,
    "partition_key_range": None,
    "partition_time_window": None,
    "run_id": "r",
    "job_name": "j",
    "retry_number": 0,
    "extras": {},
}
ORDERS = find_table("orders")


BUCKET = "refera"


@pytest.fixture
def prefix():
    """A folder of messages as Dagster draws one for each call."""
    return "".join(random.choices(string.ascii_letters, k=30))


def event_of(prefix, bucket=BUCKET, **context):
    return {
        "DAGSTER_PIPES_CONTEXT": encode_param(context or {"data": CONTEXT}),
        "DAGSTER_PIPES_MESSAGES": encode_param({"bucket": bucket, "key_prefix": prefix}),
    }


def told_in(stage, prefix):
    store = s3_client(stage.store)
    found = store.list_objects_v2(Bucket="refera", Prefix=prefix).get("Contents", ())
    return [
        json.loads(line)
        for item in found
        for line in store.get_object(Bucket="refera", Key=item["Key"])["Body"].read().splitlines()
    ]


def failing(stage, prefix):
    """A call that hears of one table, and then fails by an error that leaves out what it was made of."""
    with open_reporter(event_of(prefix), stage.store, BUCKET) as listening:
        listening.report(IngestFailure(table=ORDERS, error=LakeError("no")))
        try:
            raise ValueError("secret 'TOPSECRET'")
        except ValueError:
            raise LakeError("S3 refused the credentials.") from None


def test_an_error_is_the_call_s_to_tell_and_not_what_it_was_made_of(stage, prefix):
    with pytest.raises(LakeError, match="refused"):
        failing(stage, prefix)
    messages = told_in(stage, prefix)
    assert [each["method"] for each in messages] == ["opened", "report_custom_message", "closed"]
    assert "TOPSECRET" not in json.dumps(messages)


@pytest.mark.parametrize("context", [{"path": "/etc/hostname"}, {"path": "/nowhere", "data": CONTEXT}, {"other": 1}])
def test_a_context_that_names_a_file_or_nothing_is_refused(stage, prefix, context):
    with (
        pytest.raises(SettingError, match="parameters of Dagster Pipes cannot be read"),
        open_reporter(event_of(prefix, **context), stage.store, BUCKET),
    ):
        pytest.fail("it was opened")
    assert told_in(stage, prefix) == []


def test_an_event_cannot_choose_where_messages_are_written(stage, prefix):
    elsewhere = {
        "a folder of the lake": event_of("raw/classicmodels/orders/day=2026-03-10"),
        "another bucket": event_of(prefix, bucket="corp"),
        "the whole bucket": event_of(""),
        "no folder": event_of(None),
        "a folder above": event_of(f"../{prefix}"),
    }
    for what, event in elsewhere.items():
        with (
            pytest.raises(SettingError, match="outside of the prefixes that Dagster draws in s3://refera"),
            open_reporter(event, stage.store, BUCKET),
        ):
            pytest.fail(f"{what} was taken")
    with (
        pytest.raises(SettingError, match="the function has no REFERA_MESSAGES"),
        open_reporter(event_of(prefix), stage.store, ""),
    ):
        pytest.fail("a function without a bucket took one")
    keys = s3_client(stage.store).list_objects_v2(Bucket=BUCKET, Prefix="raw/").get("Contents", ())
    assert not [item["Key"] for item in keys if item["Key"].endswith(".json")]
