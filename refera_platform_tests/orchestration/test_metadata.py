"""What people see of an asset: who owns it, what a day brought, and no value that was declared private."""

import logging
from dataclasses import replace
from datetime import timedelta

import dagster as dg
import pytest

from refera_platform.definitions import build
from refera_platform.errors import SettingError
from refera_platform.lake.preview import Preview
from refera_platform.orchestration import headless, instance, keys, progress
from refera_platform.orchestration.assets import raw_tables
from refera_platform.orchestration.metadata import labels
from refera_platform.orchestration.metadata.dbt_model import code_reference_metadata, dbt_test_metadata
from refera_platform.orchestration.run_request import DailyRunRequest
from refera_platform.settings.stage import load_stage
from refera_platform.warehouse.build import run as warehouse
from refera_platform.warehouse.build.node_result import NodeResult, node_result_from_line
from refera_platform.warehouse.build.previews import hidden_model_columns
from refera_platform.warehouse.catalogs.lineage import ColumnReference, Lineage
from refera_platform_tests.business import TODAY
from refera_platform_tests.checkout import checkout_project, find_table
from refera_platform_tests.local_stack import evening

ORDERS, CUSTOMERS = find_table("orders"), find_table("customers")


@pytest.fixture
def memory(stage, tmp_path, monkeypatch):
    """Dagster's history in a folder of the test's own."""
    monkeypatch.setattr(instance, "dagster_home", lambda home, make=instance.dagster_home: make(tmp_path))
    return stage


def run(stage, *days, select="", **options):
    at = stage.at_instant(evening(days[-1]))
    return headless.run_headless(
        build(at, checkout_project()), at, DailyRunRequest(days=days, select=select, **options)
    )


def told(stage, table):
    """Metadata of the latest materialization of each day."""
    with instance.open_instance(stage) as history:
        records = history.fetch_materializations(keys.raw_table_key(table), limit=20).records
    return {record.partition_key: record.asset_materialization.metadata for record in reversed(records)}


def test_every_asset_has_an_owner_a_kind_a_description_a_group_and_a_layer(stage):
    graph = build(stage, checkout_project()).resolve_asset_graph()
    nodes = [graph.get(key) for key in graph.get_all_asset_keys()]
    assert len(nodes) == 61
    for node in nodes:
        assert node.owners, node.key
        assert node.kinds, node.key
        assert node.description.strip().endswith((".", "```")), node.key
        assert node.group_name != "default", node.key
        assert node.tags["layer"] in {"raw", "staging", "intermediate", "marts", "answers"}, node.key


def test_labels_come_from_the_declarations(stage):
    graph = build(stage, checkout_project()).resolve_asset_graph()
    orders, answer = graph.get(keys.raw_table_key(ORDERS)), graph.get(dg.AssetKey(["answers", "ans_sales_by_month"]))
    assert orders.owners == ["team:data-platform"]
    assert orders.kinds == {"mariadb", "parquet"}
    assert {"database": "classicmodels", "strategy": "log", "layer": "raw"}.items() <= orders.tags.items()
    assert (answer.owners, answer.kinds) == (["team:analytics"], {"dbt", "duckdb", "parquet"})
    hashed = replace(ORDERS, hashed=frozenset({"comments"}), owner="ana@example.com")
    assert labels.table_labels(hashed, "mysql")["tags"]["pii"] == "hashed"
    assert labels.table_labels(hashed, "mysql")["owners"] == ["ana@example.com"]
    assert (
        labels.table_code_version(hashed)
        != labels.table_code_version(ORDERS)
        == labels.table_code_version(replace(ORDERS, about="Else."))
    )
    assert labels.model_owner({"config": {"meta": {"owner": "team:sales"}}}, {}) == "team:sales"
    with pytest.raises(SettingError, match="has owner 'Ana'"):
        replace(ORDERS, owner="Ana")


def test_a_model_s_code_is_linked_where_it_can_be_opened(stage):
    key = dg.AssetKey(["warehouse", "dim_customer"])
    found = build(stage, checkout_project()).resolve_asset_graph().get(key).metadata["dagster/code_references"]
    assert [reference.label for reference in found.code_references] == ["dim_customer.sql"]
    assert code_reference_metadata({"original_file_path": "models/x.sql"}, replace(stage, name="production")) == {}


def test_three_days_of_one_pass_each_tell_their_own(memory, shop, caplog):
    days = [TODAY - timedelta(days=back) for back in (3, 2, 1, 0)]
    assert run(memory, days[0], select="orders").succeeded
    for count, day in enumerate(days[1:], 1):
        shop.at(day)
        for order in (100, 103, 104)[:count]:
            shop.run(f"update orders set comments = 'on {day}' where orderNumber = {order}")
    caplog.set_level(logging.INFO, progress.LOGGER.name)
    outcome = run(memory, *days[1:], select="orders")
    assert outcome.succeeded, outcome.failures
    found = told(memory, ORDERS)
    for count, day in enumerate(days[1:], 1):
        one, preview = found[str(day)], found[str(day)]["preview"].md_str
        assert one["rows_updated"].value == one["rows_added_u"].value == count
        assert one["dagster/partition_row_count"].value == count
        assert one["dagster/uri"].value.endswith(f"day={day}/part-0.parquet")
        assert "object" not in one, "no browser may read the local store"
        assert one["position"].value != found[str(days[0])]["position"].value
        assert preview.count("| updated |") == count
        assert preview.count(f"on {day}".replace("-", "&#45;")) == count
        assert f"{days[0]} to {day}" in one["last_30_days_in_detail"].md_str
        assert one["dagster/column_schema"].schema.columns[0].name == "orderNumber"
    assert outcome.assets["raw/classicmodels/orders"]["rows_added_u"] == 6, "the run is told all that it added"
    events = [record.progress for record in caplog.records if record.name == progress.LOGGER.name]
    made = [each for each in events if each.kind is progress.ProgressKind.MATERIALIZED]
    assert [each.asset for each in made].count("raw/classicmodels/orders") >= 3
    again = run(memory, *days[1:], select="orders")
    assert again.succeeded
    kept = told(memory, ORDERS)[str(days[1])]
    assert kept["kept_as_it_was"].value is True
    assert kept["rows_updated"].value == 1, "a day that is kept still says what it holds"
    assert "| updated |" in kept["preview"].md_str


def test_previews_can_be_switched_off_for_all_and_for_one(memory, shop, monkeypatch):
    off = replace(memory, is_previewed=False)
    outcome = run(off, TODAY, select="orders,dim_date,stg_classicmodels__orders")
    assert "Switched off" in outcome.assets["raw/classicmodels/orders"]["preview"]
    assert not load_stage(
        {
            "REFERA_STAGE": "production",
            "REFERA_LAKE": "s3://a/raw",
            "REFERA_WAREHOUSE": "s3://a/warehouse",
            "REFERA_CLASSICMODELS_URL": "mysql://u:p@h/d",
        }
    ).is_previewed
    assert load_stage({"REFERA_STAGE": "test", "REFERA_HOME": str(memory.home)}).is_previewed
    with pytest.raises(SettingError, match="neither on nor off"):
        load_stage({"REFERA_STAGE": "test", "REFERA_HOME": str(memory.home), "REFERA_PREVIEWS": "some"})


def test_no_value_that_is_hidden_reaches_the_event_log(memory, shop, tmp_path):
    shop.run("update customers set phone = 'SECRET-1', city = 'SECRET-2' where customerNumber = 1")
    table = replace(CUSTOMERS, private=frozenset({"phone"}), hashed=frozenset({"city"}))
    stage = replace(memory.at_instant(evening(TODAY)), hash_key=b"0123456789abcdef")
    partitions = dg.DailyPartitionsDefinition(start_date="2026-01-01")
    assets = raw_tables.build_raw_assets("classicmodels", [table], partitions)
    with instance.open_instance(memory) as history:
        done = dg.materialize([assets], partition_key=str(TODAY), instance=history, resources={"stage": stage})
        (event,) = done.get_asset_materialization_events()
    preview = event.materialization.metadata["preview"].md_str
    assert "| phone |" in preview
    assert preview.splitlines()[2].count("•••") == 2
    assert "SECRET" not in preview
    assert not any(b"SECRET" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_a_model_hides_what_is_made_of_a_hidden_column():
    table = replace(CUSTOMERS, hashed=frozenset({"city"}))
    lineage = Lineage(
        models={
            "stg": {
                "city": (ColumnReference(table.address, "city"),),
                "n": (ColumnReference(table.address, "customerNumber"),),
            },
            "dim": {
                "town": (ColumnReference("stg", "city"),),
                "n": (ColumnReference("stg", "n"),),
                "x": (ColumnReference("odd", "x"),),
            },
        },
        problems={"odd": "it is no select"},
    )
    assert hidden_model_columns("dim", {"town": "", "n": "", "x": "", "untold": ""}, lineage, [table]) == {
        "town",
        "x",
        "untold",
    }
    assert hidden_model_columns("dim", {"town": ""}, lineage, [CUSTOMERS]) == set()
    private = replace(CUSTOMERS, is_previewed=False)
    assert hidden_model_columns("dim", {"town": "", "n": ""}, lineage, [private]) == {"town", "n"}


def test_a_red_test_says_where_its_rows_are(stage):
    node = NodeResult(unique_id="t", kind="test", name="adds_up", status="fail", seconds=0.1, failures=3, message="")
    url = f"{stage.warehouse}/_failures/run/adds_up.parquet"
    built = warehouse.BuildResult(
        run_id="run",
        nodes=(node,),
        published=None,
        root="",
        seconds=1,
        full_build_reason="",
        failed_rows=(("adds_up", url),),
        previews={"x": Preview(columns=(), rows=())},
    )
    found = dbt_test_metadata(node, built, stage)
    assert found["failing_rows"] == 3
    assert found["rows_kept_in"].path == url
    assert found["rows"].md_str == f"`refera query \"from read_parquet('{url}')\"`"
    assert node_result_from_line(node.line) == replace(node, unique_id="", failures=None)
    assert node_result_from_line("classicmodels.orders day 2026-03-10: 3 c, 0.50 s") is None
