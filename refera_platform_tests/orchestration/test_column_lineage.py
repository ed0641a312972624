"""What a column is made of arrives in Dagster's event log under the keys of its assets."""

import json

import dagster as dg
import pytest
from dagster._core.definitions.metadata import TableMetadataSet

from refera_platform.orchestration.metadata.column_lineage import column_lineage_metadata, dbt_asset_keys
from refera_platform.warehouse import dbt_manifest
from refera_platform.warehouse.catalogs.lineage import ColumnReference, Lineage
from refera_platform.warehouse.dbt_project import MANIFEST_FILE

LINEAGE = Lineage(
    models={
        "fct_order_lines": {
            "units": (
                ColumnReference("stg_classicmodels__orderdetails", "units"),
                ColumnReference("classicmodels.orders", "status"),
                ColumnReference("left.over", "x"),
            ),
            "one": (),
        }
    },
    problems={"fct_orders": "it is no select"},
)


@pytest.fixture(scope="module")
def assets() -> dict[str, dg.AssetKey]:
    dbt_manifest.ensure_manifest()
    return dbt_asset_keys(json.loads(MANIFEST_FILE.read_text()))


def test_relations_are_called_as_their_assets_are(assets):
    assert assets["classicmodels.orders"] == dg.AssetKey(["raw", "classicmodels", "orders"])
    assert assets["refera.captured_days"] == dg.AssetKey(["lake", "captured_days"])
    assert assets["stg_classicmodels__orders"] == dg.AssetKey(["staging", "stg_classicmodels__orders"])
    assert assets["ans_sales_by_month"] == dg.AssetKey(["answers", "ans_sales_by_month"])


def test_a_materialization_keeps_the_lineage_of_its_columns(assets):
    @dg.asset(key=assets["fct_order_lines"])
    def lines():
        return dg.MaterializeResult(metadata=column_lineage_metadata("fct_order_lines", LINEAGE, assets))

    with dg.DagsterInstance.ephemeral() as instance:
        ran = dg.materialize([lines], instance=instance)
        (event,) = ran.get_asset_materialization_events()
    kept = TableMetadataSet.extract(event.materialization.metadata).column_lineage
    assert kept == dg.TableColumnLineage(
        {
            "units": [
                dg.TableColumnDep(dg.AssetKey(["staging", "stg_classicmodels__orderdetails"]), "units"),
                dg.TableColumnDep(dg.AssetKey(["raw", "classicmodels", "orders"]), "status"),
            ],
            "one": [],
        }
    )


def test_a_model_whose_sql_did_not_tell_says_so(assets):
    assert column_lineage_metadata("fct_orders", LINEAGE, assets) == {"column_lineage_unknown": "it is no select"}
    assert column_lineage_metadata("never_heard_of", LINEAGE, assets) == {}
