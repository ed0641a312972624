"""What Dagster is told of each captured table and of its days."""

from dataclasses import replace
from datetime import timedelta

import dagster as dg
import pytest

from refera_platform.lake.missing_days import MissingDays
from refera_platform.orchestration.checks.hourly import missing_days_result
from refera_platform.orchestration.checks.ingest import (
    DESCRIPTIONS,
    VALUES_CHECK,
    ingest_check_results,
    ingest_check_specs,
)
from refera_platform.reconcile.result import NOT_COMPARED_DAY_OVER, ReconcileResult
from refera_platform_tests.business import TODAY
from refera_platform_tests.checkout import find_table
from refera_platform_tests.local_stack import captured

ORDERS = find_table("orders")
YESTERDAY = TODAY - timedelta(days=1)


def told(came):
    return {result.check_name: result for result in ingest_check_results(came, shows_values=True)}


def values_of(result):
    return {name: value.value for name, value in result.metadata.items()}


@pytest.fixture
def came(stage, shop):
    return captured(stage, "orders", TODAY)


def test_every_check_that_is_declared_is_told(came):
    assert {spec.name for spec in ingest_check_specs(ORDERS)} == set(told(came)) == set(DESCRIPTIONS)
    assert all(result.passed for result in told(came).values())


def test_what_was_compared_is_told(came):
    found = told(came)["values_agree_with_the_source"]
    assert found.description == "4 rows of the whole table have the same values."
    metadata = values_of(found)
    assert metadata.pop("seconds") >= 0
    assert metadata == {"scope": "the whole table", "rows_compared": 4, "columns_compared": 7, "left_out": ""}


@pytest.mark.parametrize(
    ("reconciled", "passed", "said"),
    [
        pytest.param(
            NOT_COMPARED_DAY_OVER, True, "The run ended at a day that is long over", id="nothing was compared"
        ),
        pytest.param(
            ReconcileResult(scope="nothing", error="max_statement_time"),
            False,
            "could not be compared: max_statement_time",
            id="the question failed",
        ),
        pytest.param(
            ReconcileResult(scope="the whole table", rows=4, first="orderNumber=1: status is 'a' in the source"),
            False,
            "classicmodels.orders differs in the whole table: orderNumber=1: status is 'a' in the source.",
            id="it differs",
        ),
    ],
)
def test_only_what_was_compared_and_is_the_same_passes_without_a_word_of_doubt(came, reconciled, passed, said):
    found = told(replace(came, reconcile_result=reconciled))["values_agree_with_the_source"]
    assert found.passed is passed
    assert said in found.description
    assert found.severity is dg.AssetCheckSeverity.ERROR
    assert ("first_difference" in found.metadata) == bool(reconciled.first)


def test_no_value_of_a_row_is_told_where_none_may_be_kept(came):
    place, first = "orderNumber=1: status differs", "orderNumber=1: status is 'secret' in the source"
    differs = replace(came, reconcile_result=ReconcileResult(scope="the whole table", first=first, first_place=place))
    (found,) = [one for one in ingest_check_results(differs, shows_values=False) if one.check_name == VALUES_CHECK]
    assert place in found.description
    assert "secret" not in str(found)


def test_columns_that_came_or_changed_are_a_warning_and_those_that_are_gone_an_error(stage, shop):
    shop.run("alter table orders add column weight int")
    captured(stage, "orders", YESTERDAY)
    shop.run("alter table orders add column channel varchar(9), modify weight bigint, drop column comments")
    found = told(captured(stage, "orders", TODAY))
    schema, gone = found["schema_is_as_before"], found["no_column_is_gone"]
    assert (schema.passed, schema.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert schema.description == "The table was altered: channel added; weight: INTEGER → BIGINT."
    assert values_of(schema) == {
        "added": "channel",
        "changed": "weight: INTEGER → BIGINT",
        "schema_version": 2,
    }
    assert (gone.passed, gone.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert found["values_agree_with_the_source"].passed
    assert told(captured(stage, "orders", TODAY))["schema_is_as_before"].passed


def test_each_day_of_a_pass_that_is_over_is_judged_and_odd_ones_are_named(came):
    usual = {TODAY - timedelta(days=back): 1000 for back in range(2, 12)}
    filled = [replace(came.ingested_days[0], day=TODAY - timedelta(days=back)) for back in (1, 0)]
    found = told(replace(came, ingested_days=tuple(filled), changed_rows_by_day={**usual, YESTERDAY: 0, TODAY: 1000}))
    volume = found["volume_is_as_usual"]
    assert (volume.passed, volume.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert volume.description == f"Day {YESTERDAY} changed 0 rows, where 500 to 1500 are usual (10 days)."
    assert values_of(volume) == {
        "day": str(TODAY),
        "rows": 1000,
        "usual_low": 0,
        "usual_high": 1500,
        "days_looked_at": 11,
    }
    open_day = told(replace(came, ingested_days=tuple(filled), changed_rows_by_day=usual))["volume_is_as_usual"]
    assert open_day.passed
    assert "none was judged" in open_day.description


def test_missing_days_are_an_error_with_the_backfill_to_launch_and_unseen_ones_are_told():
    gaps = MissingDays(
        missing_days=(YESTERDAY,), unseen_days=(TODAY,), remedy="read them in one run: refera run --day 2026-03-09"
    )
    found = missing_days_result(ORDERS, gaps)
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert found.description == (
        "classicmodels.orders has no object of 2026-03-09: read them in one run: refera run --day 2026-03-09. No run"
        " observed 2026-03-10: what changed then is in the next observed day."
    )
    assert missing_days_result(ORDERS, MissingDays(unseen_days=(TODAY,))).passed
