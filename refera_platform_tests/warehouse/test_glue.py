"""The Glue Data Catalog says what is published: boto3 itself over HTTP against moto's server, which keeps a catalog."""

import json
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from moto.glue.models import glue_backends
from moto.server import ThreadedMotoServer

from refera_platform.aws import aws_client
from refera_platform.cli.ui import free_port
from refera_platform.errors import WarehouseError
from refera_platform.settings.object_store import ObjectStore
from refera_platform.warehouse.catalogs import glue as registrar
from refera_platform.warehouse.catalogs.glue import GLUE_ACTIONS, GlueChanges, register_glue_tables
from refera_platform.warehouse.catalogs.glue_tables import CatalogTable, hive_type, table_input
from refera_platform_tests.house.tree import ROOT as CHECKOUT

STORE = ObjectStore(region="eu-west-1", access_key="nobody", secret_key="nothing")
DATABASE, ROOT = "refera", "s3://lake/warehouse"
SALES = CatalogTable(
    name="fct_sales",
    location=f"{ROOT}/fct_sales",
    description="One row per sale.",
    columns={"order_number": "INTEGER", "sales_amount": "DECIMAL(18,2)", "order_month": "VARCHAR"},
    column_comments={"sales_amount": "Money of the sale."},
    partition_column="order_month",
    partitions=["2026-10", "2026-11", "unknown"],
)
DATES = CatalogTable(
    name="dim_date", location=f"{ROOT}/dim_date", columns={"date_day": "DATE", "is_weekend": "BOOLEAN"}
)


class Catalog:
    """What a server of Glue holds, and a way to write into it."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.client: Any = aws_client(STORE, "glue", endpoint=endpoint)

    def register(self, *tables: CatalogTable, root: str = ROOT) -> GlueChanges:
        return register_glue_tables(STORE, DATABASE, root, tables, endpoint=self.endpoint)

    def table(self, name: str) -> dict[str, Any]:
        return self.client.get_table(DatabaseName=DATABASE, Name=name)["Table"]

    def tables(self) -> set[str]:
        return {table["Name"] for table in self.client.get_tables(DatabaseName=DATABASE)["TableList"]}

    def partitions(self, name: str = "fct_sales") -> dict[str, dict[str, Any]]:
        found = self.client.get_partitions(DatabaseName=DATABASE, TableName=name)["Partitions"]
        return {partition["Values"][0]: partition for partition in found}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def catalog(server: str) -> Catalog:
    glue_backends.reset()  # the server lives in this process
    return Catalog(server)


def test_tables_are_registered_as_athena_reads_them(catalog):
    assert catalog.register(SALES, DATES) == GlueChanges(created=("fct_sales", "dim_date"), partitions={"fct_sales": 3})
    table = catalog.table("fct_sales")
    assert (table["TableType"], table["Description"]) == ("EXTERNAL_TABLE", "One row per sale.")
    assert table["Parameters"] == {
        "EXTERNAL": "TRUE",
        "classification": "parquet",
        "managed_by": "refera_platform",
    }
    storage = table["StorageDescriptor"]
    assert storage["Location"] == "s3://lake/warehouse/fct_sales/"
    assert storage["Columns"] == [
        {"Name": "order_number", "Type": "int", "Comment": ""},
        {"Name": "sales_amount", "Type": "decimal(18,2)", "Comment": "Money of the sale."},
    ]
    assert storage["SerdeInfo"]["SerializationLibrary"].endswith("ParquetHiveSerDe")
    assert [(key["Name"], key["Type"]) for key in table["PartitionKeys"]] == [("order_month", "string")]
    assert {value: part["StorageDescriptor"]["Location"] for value, part in catalog.partitions().items()} == {
        value: f"s3://lake/warehouse/fct_sales/order_month={value}/" for value in SALES.partitions
    }
    assert catalog.table("dim_date")["PartitionKeys"] == []


def test_what_is_right_already_is_left_alone(catalog):
    catalog.register(SALES, DATES)
    assert catalog.register(SALES, DATES) == GlueChanges()


def test_only_the_partitions_that_differ_are_written(catalog):
    catalog.register(SALES)
    done = catalog.register(replace(SALES, partitions=["2026-11", "2026-12", "unknown"]))
    assert done == GlueChanges(partitions={"fct_sales": 2})
    assert set(catalog.partitions()) == {"2026-11", "2026-12", "unknown"}


def test_more_partitions_than_one_request_takes(catalog):
    months = [f"{year}-{month:02}" for year in range(2000, 2022) for month in range(1, 13)]
    assert catalog.register(replace(SALES, partitions=months)).partitions == {"fct_sales": len(months)}
    assert set(catalog.partitions()) == set(months)
    assert catalog.register(replace(SALES, partitions=months[:3])).partitions == {"fct_sales": len(months) - 3}
    assert set(catalog.partitions()) == set(months[:3])


def test_a_changed_column_is_changed_in_the_table_and_in_its_partitions(catalog):
    catalog.register(SALES)
    wider = replace(SALES, columns={**SALES.columns, "order_number": "BIGINT", "units": "INTEGER"})
    assert catalog.register(wider) == GlueChanges(updated=("fct_sales",), partitions={"fct_sales": 3})
    expected = [("order_number", "bigint"), ("sales_amount", "decimal(18,2)"), ("units", "int")]
    for told in (catalog.table("fct_sales"), *catalog.partitions().values()):
        assert [(each["Name"], each["Type"]) for each in told["StorageDescriptor"]["Columns"]] == expected


def test_a_table_whose_partition_column_changed_is_made_anew(catalog):
    catalog.register(SALES)
    by_number = replace(SALES, partition_column="order_number", partitions=["1"])
    assert catalog.register(by_number) == GlueChanges(updated=("fct_sales",), partitions={"fct_sales": 1})
    assert [key["Name"] for key in catalog.table("fct_sales")["PartitionKeys"]] == ["order_number"]
    assert catalog.register(replace(SALES, partition_column=None, partitions=())).updated == ("fct_sales",)
    assert catalog.table("fct_sales")["PartitionKeys"] == []


def test_a_partition_column_that_is_in_the_path_alone_is_a_text(catalog):
    catalog.register(replace(SALES, columns={"order_number": "INTEGER"}))
    assert [(key["Name"], key["Type"]) for key in catalog.table("fct_sales")["PartitionKeys"]] == [
        ("order_month", "string")
    ]


def stranger(name: str, location: str = f"{ROOT}/x/", **parameters: str) -> dict[str, Any]:
    return {"Name": name, "StorageDescriptor": {"Location": location}, "Parameters": parameters}


def test_a_table_that_left_the_project_goes_and_those_of_others_stay(catalog):
    catalog.register(SALES, DATES)
    ours = {"managed_by": "refera_platform"}
    for table in (
        stranger("somebody_s"),
        stranger("other_warehouse", "s3://other/warehouse/x/", **ours),
        stranger("neighbour", f"{ROOT}-2/x/", **ours),
    ):
        catalog.client.create_table(DatabaseName=DATABASE, TableInput=table)
    assert catalog.register(SALES).removed == ("dim_date",)
    assert catalog.tables() == {"fct_sales", "somebody_s", "other_warehouse", "neighbour"}


@pytest.mark.parametrize(
    "foreign",
    [stranger("fct_sales"), stranger("fct_sales", "s3://other/warehouse/x/", managed_by="refera_platform")],
    ids=["somebody's", "another warehouse's"],
)
def test_a_foreign_table_of_that_name_is_refused_and_nothing_is_written(catalog, foreign):
    catalog.client.create_database(DatabaseInput={"Name": DATABASE})
    catalog.client.create_table(DatabaseName=DATABASE, TableInput=foreign)
    with pytest.raises(WarehouseError, match=r"Table refera\.fct_sales .* is not this warehouse's .*drop that table"):
        catalog.register(DATES, SALES)
    assert catalog.tables() == {"fct_sales"}
    assert catalog.table("fct_sales")["StorageDescriptor"]["Location"] == foreign["StorageDescriptor"]["Location"]


def test_a_database_that_is_there_already_is_used_as_it_is(catalog):
    catalog.client.create_database(DatabaseInput={"Name": DATABASE, "Description": "Finance's own."})
    catalog.register(DATES)
    assert catalog.client.get_database(Name=DATABASE)["Database"]["Description"] == "Finance's own."


def test_runs_that_register_at_once_all_succeed(catalog):
    tables = [replace(DATES, name=f"dim_{number}", location=f"{ROOT}/dim_{number}") for number in range(4)]
    ready = threading.Barrier(4)

    def run() -> GlueChanges:
        ready.wait()
        return catalog.register(SALES, *tables)

    with ThreadPoolExecutor(4) as pool:
        done = [future.result() for future in [pool.submit(run) for _ in range(4)]]
    assert catalog.tables() == {"fct_sales", *(table.name for table in tables)}
    assert set(catalog.partitions()) == set(SALES.partitions)
    assert sorted(name for one in done for name in one.created) == sorted(catalog.tables())


def test_what_another_run_created_a_moment_ago_is_brought_up_to_date(catalog, monkeypatch):
    older = replace(SALES, columns={"order_number": "INTEGER"}, partitions=["2026-11"])
    ensured = registrar._ensure_database

    def overtaken(client: Any, database: str) -> None:
        ensured(client, database)
        monkeypatch.setattr(client, "get_paginator", Blind(client, ["get_tables", "get_partitions"]).get_paginator)

    catalog.register(older)
    monkeypatch.setattr(registrar, "_ensure_database", overtaken)
    assert catalog.register(SALES) == GlueChanges(updated=("fct_sales",), partitions={"fct_sales": 3})
    assert set(catalog.partitions()) == set(SALES.partitions)
    assert len(catalog.partitions()["2026-11"]["StorageDescriptor"]["Columns"]) == 2


class Blind:
    """A client whose lists are those of a moment before anything was there."""

    def __init__(self, client: Any, lists: Sequence[str]) -> None:
        self.lists = lists
        self.ask = client.get_paginator

    def get_paginator(self, name: str) -> Any:
        return self if name in self.lists else self.ask(name)

    def paginate(self, **_: str) -> Iterator[dict[str, Any]]:
        yield {"TableList": [], "Partitions": []}


@pytest.mark.parametrize(
    ("kind", "hive"),
    [
        ("INTEGER", "int"),
        ("BIGINT", "bigint"),
        ("VARCHAR", "string"),
        ("DATE", "date"),
        ("BOOLEAN", "boolean"),
        ("DOUBLE", "double"),
        ("TIMESTAMP", "timestamp"),
        ("TIMESTAMP WITH TIME ZONE", "timestamp"),
        ("DECIMAL(18,2)", "decimal(18,2)"),
        ("decimal(20, 6)", "decimal(20,6)"),
    ],
)
def test_a_type_has_its_word_in_hive(kind: str, hive: str) -> None:
    assert hive_type("t", "c", kind) == hive


@pytest.mark.parametrize("kind", ["HUGEINT", "UBIGINT", "INTEGER[]", "STRUCT(a INTEGER)", "TIME", "UUID", "DECIMAL"])
def test_a_type_without_one_is_refused_by_name_before_anything_is_written(catalog, kind: str) -> None:
    with pytest.raises(WarehouseError, match=r"Column date_day of dim_date is .*, which Athena has no type for"):
        catalog.register(replace(DATES, columns={"date_day": kind}))
    assert catalog.client.get_databases()["DatabaseList"] == []


def test_texts_are_cut_to_what_glue_takes_and_have_no_line_ends() -> None:
    told = table_input(replace(DATES, description="d\nd " * 2000, column_comments={"date_day": "c " * 300}))
    assert len(told["Description"]) == 2048
    assert len(told["StorageDescriptor"]["Columns"][0]["Comment"]) == 255
    assert "\n" not in told["Description"]


class Refusing(BaseHTTPRequestHandler):
    """Answers every call of Glue with one error."""

    error = ""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps({"__type": self.error, "Message": "User ada is not authorized."}).encode()
        self.send_response(400)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            "AccessDeniedException",
            r"AWS refused glue:GetDatabase of refera .*not authorized\): allow glue:GetDatabase",
        ),
        (
            "ConcurrentModificationException",
            r"Another run wrote refera into the Glue catalog meanwhile: run it again",
        ),
        (
            "ResourceNumberLimitExceededException",
            r"\(ResourceNumberLimitExceededException.*correct it and run again",
        ),
    ],
)
def test_a_refusal_is_one_sentence_with_the_next_step(error: str, sentence: str) -> None:
    handler = type("Handler", (Refusing,), {"error": error})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            with pytest.raises(WarehouseError, match=sentence) as refused:
                register_glue_tables(STORE, DATABASE, ROOT, [DATES], endpoint=f"http://127.0.0.1:{server.server_port}")
        finally:
            server.shutdown()
            thread.join()
    assert refused.value.is_transient == (error == "ConcurrentModificationException")


def test_a_catalog_that_cannot_be_reached_is_one_sentence() -> None:
    with pytest.raises(WarehouseError, match="The Glue catalog could not be reached for refera"):
        register_glue_tables(STORE, DATABASE, ROOT, [DATES], endpoint=f"http://127.0.0.1:{free_port(29765)}")


def test_the_readme_names_every_right_that_is_needed() -> None:
    text = (CHECKOUT / "README.md").read_text()
    assert [action for action in GLUE_ACTIONS if action.removeprefix("glue:") not in text] == []
