"""The house as Dagster sees it: keys, lineage, calendar, schedules; and nothing loads what it does not need."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from refera_platform.clock import Clock
from refera_platform.definitions import build
from refera_platform.orchestration import keys
from refera_platform.orchestration.assets.report import build_report_asset
from refera_platform.orchestration.checks.hourly import due_day, freshness_result
from refera_platform.settings.stage import CHECKOUT_FOLDER
from refera_platform_tests.answers.library import PAGE, write_library
from refera_platform_tests.business import TODAY
from refera_platform_tests.checkout import checkout_project, declared_tables, find_table


@pytest.fixture
def definitions(stage):
    return build(stage, checkout_project())


@pytest.fixture
def graph(definitions):
    return definitions.resolve_asset_graph()


def key(*path):
    return dg.AssetKey(list(path))


def test_the_definitions_load_as_dagster_loads_them(definitions):
    dg.Definitions.validate_loadable(definitions)


def test_every_declared_table_is_an_asset_under_raw_partitioned_by_day(graph):
    raw = {one for one in graph.materializable_asset_keys if one.path[0] == "raw"}
    assert raw == {keys.raw_table_key(table) for table in declared_tables()}
    assert len(raw) == 8
    for one in raw:
        node = graph.get(one)
        assert node.group_name == "lake"
        assert node.partitions_def is not None
        assert node.backfill_policy == dg.BackfillPolicy.single_run()
        assert node.description


def test_lineage_goes_table_by_table_from_the_source_to_the_answers(graph):
    answer = key("answers", "ans_sales_by_product")
    above = {one.to_user_string() for one in dg.AssetSelection.assets(answer).upstream().resolve(graph)}
    assert {
        "raw/classicmodels/orderdetails",
        "staging/stg_classicmodels__orderdetails",
        "warehouse/fct_order_lines",
        "warehouse/dim_product",
    } <= above
    assert "raw/classicmodels/payments" not in above
    assert graph.get(key("staging", "stg_classicmodels__orders")).parent_keys == {key("raw", "classicmodels", "orders")}
    assert {graph.get(one).group_name for one in graph.materializable_asset_keys} == {
        "lake",
        "staging",
        "warehouse",
        "answers",
    }


def test_the_report_comes_after_the_answers_and_knows_no_days(definitions, graph):
    node = graph.get(keys.REPORT_KEY)
    answers = {one for one in graph.materializable_asset_keys if one.path[0] == "answers"} - {keys.REPORT_KEY}
    assert len(answers) == 13
    assert node.parent_keys >= answers | {keys.raw_table_key(table) for table in declared_tables()}
    assert node.parent_keys <= graph.materializable_asset_keys
    assert node.partitions_def is None
    assert node.kinds == {"html"}
    assert node.description.startswith("One HTML page")
    assert keys.REPORT_KEY in definitions.resolve_job_def("daily").asset_layer.executable_asset_keys


def test_a_page_whose_sql_is_wrong_leaves_the_other_assets_alone(tmp_path):
    project = write_library(tmp_path, PAGE.replace("from by_month group", "form by_month group"))
    asset = build_report_asset(project)
    assert {dependence.asset_key for dependence in asset.get_asset_spec(keys.REPORT_KEY).deps} == {
        key("answers", "ans_loans_by_branch")
    }


def test_today_has_a_partition_and_tomorrow_has_none(definitions, graph, stage):
    partitions = graph.get(key("raw", "classicmodels", "orders")).partitions_def
    with dg.partition_loading_context(effective_dt=datetime(2026, 3, 10, 12, tzinfo=UTC)):
        assert partitions.get_last_partition_key() == "2026-03-10"
        assert partitions.get_first_partition_key() == "2026-01-01"


def test_the_schedule_closes_yesterday_of_the_stage_s_time_zone_and_is_on(stage, definitions):
    schedule = definitions.resolve_schedule_def("close_yesterday")
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    assert schedule.execution_timezone == "UTC"
    tick = datetime(2026, 3, 11, 0, 30, tzinfo=ZoneInfo("UTC"))
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_schedule_context(
            instance=instance, scheduled_execution_time=tick, repository_def=definitions.get_repository_def()
        )
        (request,) = schedule.evaluate_tick(context).run_requests
    assert request.partition_key == "2026-03-10"
    assert request.run_key == "2026-03-10"


def test_people_are_told_by_a_sensor_that_is_on(definitions):
    sensor = definitions.get_repository_def().get_sensor_def("alerts")
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING


def test_a_source_is_read_by_one_run_at_a_time_and_retried(definitions):
    raw = next(
        one
        for one in definitions.resolve_asset_graph().assets_defs
        if keys.raw_table_key(declared_tables()[0]) in one.keys
    )
    assert raw.op.pool == "source_classicmodels"
    assert raw.op.retry_policy.max_retries == 2


@pytest.mark.parametrize(
    ("now", "due"),
    [
        pytest.param(datetime(2026, 3, 10, 5, 59, tzinfo=UTC), date(2026, 3, 8), id="before six, yesterday is not due"),
        pytest.param(datetime(2026, 3, 10, 6, 0, tzinfo=UTC), date(2026, 3, 9), id="from six on it is"),
    ],
)
def test_a_day_is_due_some_hours_after_it_ended(now, due):
    assert due_day(declared_tables()[0], Clock(fixed=now)) == due


def test_freshness_looks_at_the_newest_day_and_not_at_the_last_load():
    table, noon = find_table("orders"), Clock(fixed=datetime(2026, 3, 10, 12, tzinfo=UTC))
    stale = freshness_result(table, date(2026, 1, 31), noon)
    assert not stale.passed
    assert (
        stale.description == "classicmodels.orders: day 2026-03-09 was due, and the newest captured day is 2026-01-31."
    )
    assert not freshness_result(table, None, noon).passed
    assert freshness_result(table, TODAY - timedelta(days=1), noon).passed
    assert freshness_result(table, TODAY, noon).passed


def test_the_workspace_file_loads_this_code_location():
    text = (CHECKOUT_FOLDER / "workspace.yaml").read_text()
    assert "module_name: refera_platform.definitions" in text
