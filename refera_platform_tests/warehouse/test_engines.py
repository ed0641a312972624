"""What is published is plain Parquet: pyarrow, pandas and DuckDB read it without a word from us, and read the same."""

from datetime import date
from decimal import Decimal
from urllib.parse import urlsplit

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from pyarrow import fs
from pyarrow import parquet as pq

from refera_platform.duckdb_session.scratch import scratch_folder
from refera_platform.duckdb_session.session import open_duckdb_session
from refera_platform.lake.objects import ObjectRoot
from refera_platform.warehouse.build.run import build_warehouse
from refera_platform.warehouse.publish.manifest import read_publication
from refera_platform_tests.business import TODAY, open_shop
from refera_platform_tests.checkout import declared_tables
from refera_platform_tests.local_stack import capture_all, own_stage

KINDS = {
    "BIGINT": pa.int64(),
    "INTEGER": pa.int32(),
    "BOOLEAN": pa.bool_(),
    "VARCHAR": pa.string(),
    "DATE": pa.date32(),
    "DECIMAL(18,2)": pa.decimal128(18, 2),
    "DECIMAL(20,6)": pa.decimal128(20, 6),
    "TIMESTAMP WITH TIME ZONE": pa.timestamp("us", tz="UTC"),
}
"""What pyarrow must find in a file for each of DuckDB's types."""


@pytest.fixture(scope="module")
def served(template):
    return template


@pytest.fixture(scope="module")
def published(served):
    return read_publication(ObjectRoot(served.warehouse, served.store))


@pytest.fixture(scope="module")
def s3(served):
    address = urlsplit(served.store.endpoint)
    return fs.S3FileSystem(
        access_key=served.store.access_key,
        secret_key=served.store.secret_key,
        scheme=address.scheme,
        endpoint_override=address.netloc,
        region=served.store.region,
    )


def folder_of(served, name):
    return f"{served.warehouse.removeprefix('s3://')}/{name}"


def dataset(served, s3, name, model):
    by = pa.schema([(model.stored_by, pa.string())]) if model.stored_by else None
    partitioning = ds.partitioning(by, flavor="hive") if by else None
    return ds.dataset(folder_of(served, name), filesystem=s3, format="parquet", partitioning=partitioning)


def test_pyarrow_finds_every_table_with_its_rows_and_its_logical_types(served, published, s3):
    for name, model in published.models.items():
        found = dataset(served, s3, name, model)
        assert found.count_rows() == model.rows, name
        for column, kind in model.columns.items():
            assert found.schema.field(column).type == KINDS[kind], f"{name}.{column}"


def test_pandas_reads_a_table_stored_by_month_as_one(served, published, s3):
    frame = pd.read_parquet(
        folder_of(served, "fct_order_lines"), filesystem=s3, dtype_backend="pyarrow", partitioning="hive"
    )
    assert len(frame) == published.models["fct_order_lines"].rows
    assert sum(frame["sales_amount"]) == Decimal("233.94")
    assert set(frame["order_year_month"]) == {"2026-01", "2026-02"}
    people = pd.read_parquet(folder_of(served, "dim_customer"), filesystem=s3)
    assert people["valid_from"].dt.year.eq(1900).all()
    assert people["valid_to"].isna().all()


def test_duckdb_reads_the_same_with_nothing_but_the_address(served, published):
    with scratch_folder(served) as folder, open_duckdb_session(served, folder) as connection:
        for name, model in published.models.items():
            found = connection.execute(f"describe from '{served.warehouse}/{name}/**/*.parquet'").fetchall()
            assert {column: kind for column, kind, *_ in found} == dict(model.columns), name
            rows = connection.execute(f"select count(*) from '{served.warehouse}/{name}/**/*.parquet'").fetchone()
            assert rows == (model.rows,), name


def test_files_are_sorted_compressed_and_of_sane_row_groups(served, published, s3):
    for name, model in published.models.items():
        for item in model.objects:
            path = f"{name}/{model.stored_by}={item.month}" if model.stored_by else name
            file = pq.ParquetFile(s3.open_input_file(f"{folder_of(served, path)}/part-0.parquet"))
            assert file.metadata.num_rows == item.rows
            groups = [file.metadata.row_group(number) for number in range(file.metadata.num_row_groups)]
            assert all(group.num_rows <= 122_880 for group in groups), name
            assert {
                group.column(number).compression
                for group in groups
                for number in range(group.num_columns)
                if group.num_rows
            } <= {"ZSTD"}, name
            first = file.schema_arrow.names[0]
            values = [value for value in file.read(columns=[first]).column(0).to_pylist() if value is not None]
            assert values == sorted(values), f"{name} {first}"


def test_a_table_without_rows_has_its_columns_and_no_phantom_row(home):
    stage = own_stage(home)
    with open_shop(home) as shop:
        shop.run("set foreign_key_checks = 0")
        for table in ("orderdetails", "orders", "payments"):
            shop.run(f"delete from {table}")
        capture_all(stage, TODAY)
    assert build_warehouse(stage, declared_tables()).published is not None
    with scratch_folder(stage) as folder, open_duckdb_session(stage, folder) as connection:
        for name in (
            "fct_order_lines",
            "fct_orders",
            "fct_payments",
            "ans_time_to_ship",
            "ans_sales_by_month",
        ):
            rows = connection.execute(f"select count(*) from '{stage.warehouse}/{name}/**/*.parquet'").fetchone()
            assert rows == (0,), name
        dates = connection.execute(
            f"select count(*) from '{stage.warehouse}/dim_date/*.parquet' where date_day = ?",
            [date(2026, 3, 10)],
        ).fetchone()
        assert dates == (1,)
