"""One function, two homes: the same days through this process and through Lambda are the same assets, checks and rows."""

from dataclasses import replace
from datetime import timedelta

import pytest

from refera_platform import definitions
from refera_platform.aws import s3_client
from refera_platform.duckdb_session.scratch import scratch_folder
from refera_platform.duckdb_session.session import open_duckdb_session
from refera_platform.lake.lake import Lake, raw_rows
from refera_platform.orchestration import headless
from refera_platform.orchestration.assets import raw_tables
from refera_platform.orchestration.run_request import DailyRunRequest
from refera_platform_tests.business import TODAY
from refera_platform_tests.checkout import checkout_project, declared_tables, find_table
from refera_platform_tests.ingest.logged_tables import differences_of
from refera_platform_tests.local_stack import evening, own_stage
from refera_platform_tests.runners.conftest import EXTRACT, MESSAGES

YESTERDAY = TODAY - timedelta(days=1)
OF_THE_MOMENT = {"seconds", "rows_per_second", "position", "dagster/uri", "object", "docs"}
"""What differs between two runs wherever they run: how long they took, and where they write."""


def run_on(stage, *days, select="lake"):
    return headless.run_headless(
        definitions.build(stage, checkout_project()), stage, DailyRunRequest(days=days, select=select)
    )


def told_of(outcome):
    return {
        asset: {name: value for name, value in metadata.items() if name not in OF_THE_MOMENT}
        for asset, metadata in outcome.assets.items()
    }


def rows_of(stage):
    """Every raw row of every table, less the instant at which a baseline was read."""
    found = {}
    with scratch_folder(stage) as folder, open_duckdb_session(stage, folder) as connection:
        for table in declared_tables():
            for day, item in Lake(stage).stored_days(table).items():
                rows = connection.execute(f"from {raw_rows([item.url])} order by all").fetchall()
                found[table.name, day] = rows
    return found


def test_the_same_days_both_ways(on_lambda, stage, shop, home, tmp_path):
    here = replace(own_stage(home), home=tmp_path / "here")
    there = on_lambda.stage
    outcomes = []
    shop.at(YESTERDAY)
    for at in (YESTERDAY, TODAY):
        shop.at(at)
        if at == TODAY:
            shop.run("update orders set status = 'Shipped' where orderNumber = 103")
            shop.run("delete from payments where checkNumber = 'C3'")
            shop.run(
                "insert into offices values ('3', 'Faro', '+351', 'Rua C', null, null, 'Portugal', '8000', 'EMEA')"
            )
        days = [YESTERDAY] if at == YESTERDAY else [YESTERDAY, TODAY]
        moment = evening(at)
        on_lambda.deploy(REFERA_NOW=moment.isoformat())
        outcomes.append((run_on(here.at_instant(moment), *days), run_on(there.at_instant(moment), *days)))
    for local, remote in outcomes:
        assert local.succeeded, local.failures
        assert remote.succeeded, remote.failures
        assert remote.checks == local.checks
        assert len(local.checks) == 8 * 10
        assert remote.warnings == local.warnings
        assert {name: set(told) for name, told in remote.assets.items()} == {
            name: set(told) for name, told in local.assets.items()
        }
        assert told_of(remote) == told_of(local)
    ours, theirs = rows_of(here), rows_of(stage)
    assert set(ours) == set(theirs)
    assert len(ours) == 16
    changed = [key for key in ours if key[1] == TODAY]
    assert {key: theirs[key] for key in changed} == {key: ours[key] for key in changed}
    assert {key: [row[:-3] for row in theirs[key]] for key in ours} == {
        key: [row[:-3] for row in ours[key]] for key in ours
    }


def test_a_large_first_capture_goes_in_pieces_as_the_pool_allows(on_lambda, stage, shop):
    on_lambda.deploy(REFERA_PIECE_ROWS="2")
    outcome = run_on(on_lambda.stage, TODAY)
    assert outcome.succeeded, outcome.failures
    asked = [each.event for each in on_lambda.service.of(EXTRACT).invoked]
    pieces = [event for event in asked if event["operation"] == "piece"]
    assert sorted(each["piece"] for each in pieces if each["tables"] == ["orderdetails"]) == [0, 1, 2]
    assert len({id(one) for one in on_lambda.service.of(EXTRACT).environments}) == 1, "one at a time"
    assert [len(event["tables"]) for event in asked if event["operation"] == "capture"] == [8, 4]
    assert differences_of(stage) == {}
    assert not list(Lake(stage).objects.list("_staging/"))


def test_a_table_that_is_refused_is_red_and_the_others_count(on_lambda, stage, shop):
    shop.run("drop table payments")
    outcome = run_on(on_lambda.stage, TODAY, select="payments,orders")
    assert not outcome.succeeded
    assert set(outcome.assets) == {"raw/classicmodels/orders"}
    assert "payments" in outcome.failures[0]
    assert differences_of(stage, [find_table("orders")]) == {}


@pytest.mark.parametrize(
    ("deployed", "said"),
    [
        ({"timeout": 0.2}, "was stopped by Lambda"),
        ({"handler": "silent.handler"}, "ended without a result for classicmodels.orders"),
    ],
    ids=["timeout", "silence"],
)
def test_a_function_that_says_nothing_fails_the_asset(on_lambda, stage, shop, tmp_path, monkeypatch, deployed, said):
    # how long Dagster waits for messages of a function that never opened Pipes
    monkeypatch.setattr("dagster._core.pipes.utils.WAIT_FOR_LOGS_AFTER_EXECUTION_INTERVAL", 0.1)
    monkeypatch.setattr(raw_tables, "RETRIES", raw_tables.RETRIES._replace(delay=0))
    if "handler" in deployed:
        (tmp_path / "silent.py").write_text("def handler(event, context):\n    return {'tables': {}}\n")
        deployed = {**deployed, "package": tmp_path}
    on_lambda.deploy(**deployed)
    outcome = run_on(on_lambda.stage, TODAY, select="orders")
    assert not outcome.succeeded
    assert said in outcome.failures[0]
    assert not outcome.assets
    on_lambda.deploy()
    assert run_on(on_lambda.stage, TODAY, select="orders").succeeded


def test_fifty_kilobytes_of_facts_arrive(on_lambda, stage, shop):
    columns = ", ".join(f"a_rather_long_name_of_a_column_number_{number:04} int" for number in range(400))
    shop.run(f"create table wide (id int primary key, {columns})")
    shop.run("alter table offices " + ", ".join(f"add column {each}" for each in columns.split(", ")))
    outcome = run_on(on_lambda.stage, TODAY, select="offices")
    assert outcome.succeeded, outcome.failures
    store = s3_client(stage.store)
    said = [
        store.get_object(Bucket=MESSAGES, Key=item["Key"])["Body"].read()
        for item in store.list_objects_v2(Bucket=MESSAGES)["Contents"]
    ]
    assert max(map(len, said)) > 50_000
    assert len(outcome.assets["raw/classicmodels/offices"]["dagster/column_schema"].columns) == 409
