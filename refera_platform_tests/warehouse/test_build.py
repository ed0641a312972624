"""Write, audit, publish: only a green build is served, whole, and a killed one leaves what was there."""

import hashlib
from http import HTTPStatus

import pytest

from refera_platform.answers.checksums import checksums_of_publication, verify_checksums
from refera_platform.answers.session import open_query_session
from refera_platform.duckdb_session.scratch import scratch_folder
from refera_platform.duckdb_session.session import open_duckdb_session
from refera_platform.errors import DamagedError, LakeError, WarehouseError
from refera_platform.ingest.snapshot import snapshot_writer
from refera_platform.lake.objects import ObjectRoot
from refera_platform.source import totals
from refera_platform.warehouse.build import run as building
from refera_platform.warehouse.build.run import BuildRequest, build_warehouse
from refera_platform.warehouse.publish.manifest import (
    FAILED_ROWS_PREFIX,
    MANIFEST_KEY,
    OBJECTS_PREFIX,
    fixed_key,
    read_publication,
)
from refera_platform_tests.business import TODAY
from refera_platform_tests.checkout import checkout_project, declared_tables
from refera_platform_tests.fault_proxy import before_the_store, flipped
from refera_platform_tests.local_stack import capture_all, captured


@pytest.fixture
def served(copied, shop):
    """A stage with the small business published; its log goes on with a new baseline."""
    return copied


def root_of(stage):
    return ObjectRoot(stage.warehouse, stage.store)


def root_keys(root):
    return {item.key: item.etag for item in root.list()}


def everything(stage):
    """Key and ETag of every object that engines read, and the manifest's."""
    return {
        item.key: item.etag
        for item in root_of(stage).list()
        if not item.key.startswith((OBJECTS_PREFIX, FAILED_ROWS_PREFIX))
    }


def total(stage, of="sales_amount", where="ans_sales_by_product"):
    with open_query_session(stage, checkout_project()) as asking:
        return asking.query(f"select cast(sum({of}) as varchar) from {where}").fetchone()[0]


def test_a_full_refresh_replaces_objects_whose_bytes_were_damaged(served, tmp_path):
    root = root_of(served)
    published = read_publication(root)
    key = next(key for key in published.object_keys() if "/fct_orders/" in key)
    damaged = bytearray(root.read(key)[0])
    damaged[len(damaged) // 2] ^= 1
    (tmp_path / "damaged").write_bytes(damaged)
    root.put(key, tmp_path / "damaged", replaces=root_keys(root)[key])
    assert verify_checksums(root, tmp_path, checksums_of_publication(published)).damaged_keys
    assert build_warehouse(served, declared_tables(), BuildRequest(full_refresh=True)).published is not None
    assert not verify_checksums(root, tmp_path, checksums_of_publication(read_publication(root))).damaged_keys


def test_the_manifest_tells_the_truth_about_what_is_published(copied):
    published = read_publication(root_of(copied))
    assert len(published.models) == 24
    assert set(published.sources) == {
        f"classicmodels.{name}"
        for name in (
            "customers",
            "employees",
            "offices",
            "orderdetails",
            "orders",
            "payments",
            "productlines",
            "products",
        )
    }
    found = everything(copied)
    for name, model in published.models.items():
        assert model.rows == sum(item.rows for item in model.objects)
        for item in model.objects:
            key = fixed_key(name, item.month, model.stored_by)
            assert found[key] == item.etag
            content = root_of(copied).read(key)[0]
            assert (len(content), hashlib.sha256(content).hexdigest()) == (item.bytes, item.sha256)


def test_a_group_that_the_source_counted_otherwise_is_red_although_the_sums_agree(stage, shop, monkeypatch):
    def exchanged(source, table, rows):
        """What the source says, with the two largest groups of each grouping in one another's place."""
        said = totals.grouped_totals(source, table, rows)
        return {
            kind: ((second[0], *first[1:]), (first[0], *second[1:]), *others)
            for kind, (first, second, *others) in said.items()
        }

    shop.run("insert into orders values (105, '2026-02-03', '2026-03-20', null, 'In Process', null, 10)")
    monkeypatch.setattr(snapshot_writer, "grouped_totals", exchanged)
    capture_all(stage, TODAY)
    built = build_warehouse(stage, declared_tables())
    assert built.published is None
    red = {node.name for node in built.nodes if node.status == "fail"}
    assert red == {
        f"ans_{name}_equals_the_source"
        for name in (
            "sales_by_product",
            "sales_by_order_date",
            "sales_by_month",
            "sales_by_product_and_month",
            "sales_by_product_line_and_month",
            "sales_by_customer_and_status",
            "time_to_ship",
            "average_payment_by_customer_and_date",
            "stock_by_product_and_month",
        )
    }


def test_a_red_test_leaves_the_published_warehouse_as_it_was(served, shop):
    before, amount = everything(served), total(served)
    shop.run("update orderdetails set quantityOrdered = quantityOrdered + 1")
    captured(served, "orderdetails", TODAY, afresh=True)
    add_a_row_without_a_key(served, f"classicmodels/payments/day={TODAY}/part-0.parquet")
    built = build_warehouse(served, declared_tables())
    assert built.published is None
    assert "payments" in str(built.to_error())
    assert "nothing was published and the previous tables stay" in str(built.to_error())
    assert everything(served) == before
    assert total(served) == amount


def add_a_row_without_a_key(stage, key):
    """Write a raw object with a payment of nobody: a defect that no capture makes."""
    root = ObjectRoot(stage.lake, stage.store)
    with scratch_folder(stage) as folder, open_duckdb_session(stage, folder) as connection:
        state = connection.execute(
            f"select decode(value) from parquet_kv_metadata('{root.url(key)}') where decode(key) = 'refera'"
        ).fetchone()[0]
        path = folder / "twice.parquet"
        rows = f"select * from read_parquet('{root.url(key)}', hive_partitioning = false)"
        nobody = f"select * replace (null as \"customerNumber\", '9' as _position) from ({rows}) limit 1"
        text = state.replace("'", "''")
        connection.execute(
            f"copy ({rows} union all ({nobody})) to '{path}' (format parquet, kv_metadata {{refera: '{text}'}})"
        )
        root.put(key, path, replaces=root.read(key)[1])


def test_a_build_that_cannot_run_leaves_the_published_warehouse_as_it_was(copied):
    before = everything(copied)
    ObjectRoot(copied.lake, copied.store).write(f"classicmodels/orders/day={TODAY}/part-0.parquet", b"not parquet")
    with pytest.raises((WarehouseError, LakeError), match="orders"):
        build_warehouse(copied, declared_tables())
    assert everything(copied) == before


@pytest.mark.parametrize(
    ("of", "full_refresh"),
    [("raw/classicmodels/orders", True), ("warehouse/_objects/(?!_)", False)],
    ids=["lake", "warehouse"],
)
def test_bytes_that_were_damaged_on_the_way_stop_a_build(copied, of, full_refresh):
    """A build writes on what it reads, so each object is compared with its checksum and none is read by DuckDB itself."""
    root = ObjectRoot(copied.warehouse, copied.store)
    before = read_publication(root)
    with before_the_store(copied) as (broken, proxy):
        # what DuckDB asks for is a range, and of raw objects their footers alone
        proxy.breaks(rf"^GET [^?]*/{of}", lambda answer: flipped(answer) if answer.status == HTTPStatus.OK else answer)
        with pytest.raises(DamagedError, match="are not those that were written"):
            build_warehouse(broken, declared_tables(), BuildRequest(full_refresh=full_refresh))
        ranges = [each for each in proxy.requests if "/_objects/" in each and each.startswith("HEAD")]
    assert ranges == []
    assert read_publication(root) == before


def test_an_unchanged_build_rewrites_no_object(copied):
    before = everything(copied)
    assert build_warehouse(copied, declared_tables()).published is not None
    after = everything(copied)
    assert {key for key in after if after[key] != before[key]} == {MANIFEST_KEY}


def test_one_model_is_built_from_what_is_published(served, shop):
    shop.run("update orderdetails set quantityOrdered = quantityOrdered + 1")
    captured(served, "orderdetails", TODAY, afresh=True)
    built = build_warehouse(served, declared_tables(), BuildRequest(selected={"ans_sales_by_product"}))
    assert [node.name for node in built.nodes if node.kind == "model"] == ["ans_sales_by_product"]
    assert total(served) == "233.94"
    assert {
        node.name
        for node in build_warehouse(served, declared_tables(), BuildRequest(selected={"fct_order_lines"})).nodes
        if node.kind == "model"
    } > {
        "fct_order_lines",
        "stg_classicmodels__orderdetails",
    }
    build_warehouse(served, declared_tables(), BuildRequest(selected={"ans_sales_by_product"}))
    assert total(served) == "301.42"


def test_a_model_that_reads_what_was_never_published_says_so(stage, shop):
    capture_all(stage, TODAY)
    with pytest.raises(WarehouseError, match=r"fct_order_lines.* not published yet: build everything once"):
        build_warehouse(stage, declared_tables(), BuildRequest(selected={"ans_sales_by_product"}))
    with pytest.raises(WarehouseError, match="nonsense is not a model"):
        build_warehouse(stage, declared_tables(), BuildRequest(selected={"nonsense"}))


def test_a_lake_without_a_table_is_named(stage, shop):
    captured(stage, "orders", TODAY)
    with pytest.raises(WarehouseError, match=r"no day of .*classicmodels\.payments.* yet: capture one"):
        build_warehouse(stage, declared_tables())


def test_raw_objects_that_change_during_a_build_stop_its_publication(served, shop, monkeypatch):
    before, running = everything(served), building.run_dbt

    def meanwhile(*arguments):
        shop.run("insert into payments values (12, 'LATE', '2026-03-10', 1.00)")
        captured(served, "payments", TODAY, afresh=True)
        return running(*arguments)

    monkeypatch.setattr(building, "run_dbt", meanwhile)
    with pytest.raises(WarehouseError, match=r"Raw objects of classicmodels\.payments changed during the build"):
        build_warehouse(served, declared_tables())
    assert everything(served) == before


def test_a_damaged_manifest_is_named(copied):
    root_of(copied).write(MANIFEST_KEY, b"[]")
    with pytest.raises(WarehouseError, match=r"_manifest\.json is not a manifest: move it away"):
        read_publication(root_of(copied))


def test_no_secret_is_in_what_a_build_leaves_or_says(copied, tmp_path):
    secrets = [copied.store.secret_key, copied.databases["classicmodels"].password]
    kept = [path for path in copied.home.rglob("*") if path.is_file() and path.suffix in {".json", ".yml", ".log"}]
    told = [path for path in kept if path.name not in {"stack.json", "s3.json"} and "mariadb" not in path.parts]
    assert told
    for path in told:
        content = path.read_bytes()
        assert not [path for secret in secrets if secret.encode() in content], path


def test_the_database_of_a_build_is_gone_afterwards(copied):
    assert [path for path in copied.scratch.rglob("*") if path.is_file()] == []


def test_a_red_test_says_how_many_rows_it_found_and_keeps_them(copied):
    before = everything(copied)
    add_a_row_without_a_key(copied, f"classicmodels/payments/day={TODAY}/part-0.parquet")
    built = build_warehouse(copied, declared_tables())
    assert (built.full_build_reason, built.published) == ("", None), "red, and of the changes alone"
    assert everything(copied) == before
    ((name, address),) = [pair for pair in built.failed_rows if pair[0].startswith("unique_combination_of_columns_stg")]
    assert f"test {name} is red with 1 rows: " in str(built.to_error())
    assert f"; its rows are in {address}" in str(built.to_error())
    assert address == f"{copied.warehouse}/{FAILED_ROWS_PREFIX}{built.run_id}/{name}.parquet"
    with scratch_folder(copied) as folder, open_duckdb_session(copied, folder) as connection:
        rows = connection.execute(f"select customer_number, row_count from '{address}'").fetchall()
    assert rows == [(None, 1)]
