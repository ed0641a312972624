"""The invented shop, built once for the tests that ask what dbt compiled and which columns came out."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import duckdb
import pytest

from refera_platform.warehouse.catalogs.lineage import Lineage, read_relation_columns, trace_lineage
from refera_platform_tests.warehouse.shop import SHOP, Warehouse, dbt, lake, parsed


@dataclass(frozen=True, kw_only=True)
class BuiltShop:
    """A green build: its database, dbt's manifest as it was written, compiled SQL, and the columns of everything."""

    warehouse: Warehouse
    manifest: Mapping[str, Any]
    sql: Mapping[str, str]
    columns: Mapping[str, Mapping[str, str]]
    lineage: Lineage


@pytest.fixture(scope="session")
def built_shop(tmp_path_factory: pytest.TempPathFactory) -> BuiltShop:
    database = lake(tmp_path_factory.mktemp("built"), SHOP)
    manifest = parsed(tmp_path_factory.mktemp("parse"))
    warehouse = dbt(database, "build", "--exclude-resource-type", "unit_test", manifest=manifest)
    assert warehouse.not_green() == set()
    models = [node for node in manifest.nodes.values() if node.resource_type == "model"]
    sql = {model.name: model.compiled_code for model in models}
    with duckdb.connect(database, read_only=True) as connection:
        columns = read_relation_columns(connection)
    written = json.loads((database.parent / "target/manifest.json").read_text())
    return BuiltShop(
        warehouse=warehouse, manifest=written, sql=sql, columns=columns, lineage=trace_lineage(sql, columns)
    )
