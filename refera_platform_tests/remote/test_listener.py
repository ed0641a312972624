"""What Dagster is told of a call: over S3, and nothing that the error of the call leaves out."""

import json

import pytest
from dagster_pipes import encode_param

from refera_platform.engine import client
from refera_platform.errors import LakeError, SettingError
from refera_platform.lake.captured import Refused
from refera_platform.remote.listener import opened
from refera_platform.source import catalog

CONTEXT = {
    "asset_keys": ["raw/classicmodels/orders"], "code_version_by_asset_key": None, "provenance_by_asset_key": None,
    "partition_key": None, "partition_key_range": None, "partition_time_window": None, "run_id": "r", "job_name": "j",
    "retry_number": 0, "extras": {},
}  # fmt: skip
ORDERS = catalog.find("orders")


def event_of(prefix, **context):
    return {
        "DAGSTER_PIPES_CONTEXT": encode_param(context or {"data": CONTEXT}),
        "DAGSTER_PIPES_MESSAGES": encode_param({"bucket": "refera", "key_prefix": prefix}),
    }


def told_in(stage, prefix):
    store = client(stage.store)
    found = store.list_objects_v2(Bucket="refera", Prefix=prefix).get("Contents", ())
    return [
        json.loads(line)
        for item in found
        for line in store.get_object(Bucket="refera", Key=item["Key"])["Body"].read().splitlines()
    ]


def failing(stage, prefix):
    """A call that hears of one table, and then fails by an error that leaves out what it was made of."""
    with opened(event_of(prefix), stage.store) as listening:
        listening.hear(Refused(table=ORDERS, trouble=LakeError("no")))
        try:
            raise ValueError("secret 'TOPSECRET'")
        except ValueError:
            raise LakeError("S3 refused the credentials.") from None


def test_an_error_is_the_call_s_to_tell_and_not_what_it_was_made_of(stage, tmp_path):
    with pytest.raises(LakeError, match="refused"):
        failing(stage, tmp_path.name)
    messages = told_in(stage, tmp_path.name)
    assert [each["method"] for each in messages] == ["opened", "report_custom_message", "closed"]
    assert "TOPSECRET" not in json.dumps(messages)


@pytest.mark.parametrize(
    "context", [{"path": "/etc/hostname"}, {"path": "/nowhere", "data": CONTEXT}, {"other": 1}]
)
def test_a_context_that_names_a_file_or_nothing_is_refused(stage, tmp_path, context):
    with (
        pytest.raises(SettingError, match="parameters of Dagster Pipes cannot be read"),
        opened(event_of(tmp_path.name, **context), stage.store),
    ):
        pytest.fail("it was opened")
    assert told_in(stage, tmp_path.name) == []
