"""Verification names the first row and column that differ, wherever the difference lies."""

import pytest

from refera_platform.answers.checksums import checksums_of_publication
from refera_platform.answers.verify import verify_stage
from refera_platform.lake.objects import ObjectRoot
from refera_platform.warehouse.publish.manifest import fixed_key, inputs_key, object_key, read_publication
from refera_platform_tests.business import TODAY
from refera_platform_tests.checkout import checkout_project
from refera_platform_tests.fault_proxy import before_the_store, flipped
from refera_platform_tests.local_stack import capture_all, captured


@pytest.fixture
def whole(copied, shop):
    """A stage whose lake and warehouse hold what the source holds; its log goes on with a new baseline."""
    return copied


def apart(stage):
    return [
        (one.left, one.right, one.different, one.first_difference)
        for one in verify_stage(stage, checkout_project())
        if not one.is_equal
    ]


def test_nothing_differs_after_a_run(whole):
    found = list(verify_stage(whole, checkout_project()))
    assert all(one.is_equal for one in found)
    assert {one.left.split()[0] for one in found} == {"manifest", "objects", "source", "lake"}
    assert sum(one.left_rows for one in found if one.left.startswith("source")) == 28


def test_an_object_that_the_store_has_damaged_is_named(whole):
    """Each is damaged as a disk does it: its metadata stays."""
    lake, root = ObjectRoot(whole.lake, whole.store), ObjectRoot(whole.warehouse, whole.store)
    raw = next(item.key for item in lake.list("classicmodels/orders/"))
    item = read_publication(root).models["dim_office"].objects[0]
    key, gone = object_key("dim_office", item), inputs_key(read_publication(root).inputs)
    with before_the_store(whole) as (broken, proxy):
        proxy.breaks(rf"^GET [^?]*({raw.replace('=', '%3D')}|{key})", flipped)
        found = {one.left: one for one in verify_stage(broken, checkout_project()) if one.left.startswith("objects")}
    assert {name: one.different for name, one in found.items()} == {
        "objects of the lake": 1,
        "objects of the warehouse": 1,
    }
    assert f"{raw} are not those that were written" in found["objects of the lake"].first_difference
    assert f"{key} are not those that were written" in found["objects of the warehouse"].first_difference
    root.remove(gone)
    assert [(left, different) for left, _, different, _ in apart(whole)] == [("objects of the warehouse", 1)]


def test_a_key_that_other_engines_read_and_that_holds_something_else_is_named(whole):
    root = ObjectRoot(whole.warehouse, whole.store)
    root.write(fixed_key("dim_office"), b"what a late copy left")
    told = {left: first for left, *_, first in apart(whole)}
    assert told.keys() == {"manifest", "objects of the warehouse"}
    keys = len([key for key in checksums_of_publication(read_publication(root)) if key.endswith("/part-0.parquet")])
    assert told["manifest"] == (
        f"1 of the {keys} keys that other engines read do not hold what the manifest names, the first is"
        " dim_office/part-0.parquet: `refera run` corrects them."
    )


def test_all_tables_are_compared_as_they_were_at_one_moment(whole, shop):
    for one in verify_stage(whole, checkout_project()):
        assert one.is_equal
        if one.table:  # others go on while the tables are compared
            shop.run("delete from payments")
            shop.run("update orders set status = 'Cancelled'")
    assert {left for left, *_ in apart(whole)} == {
        "source classicmodels.payments",
        "source classicmodels.orders",
    }


def test_a_changed_value_a_missing_and_an_extra_row_are_named(whole, shop):
    shop.run("update customers set city = 'Nice' where customerNumber = 12")
    shop.run("delete from payments where checkNumber = 'C3'")
    shop.run("insert into offices values ('3', 'Lima', '1', 'a', null, null, 'Peru', '1', 'LATAM')")
    source, lake = "source classicmodels.{}", "lake classicmodels.{}"
    assert sorted(apart(whole)) == sorted(
        [
            (
                source.format("customers"),
                lake.format("customers"),
                1,
                "customerNumber=12: city is 'Nice' in the source classicmodels.customers and 'Lyon' in the lake"
                " classicmodels.customers",
            ),
            (
                source.format("payments"),
                lake.format("payments"),
                1,
                "customerNumber=11, checkNumber='C3' is only in the lake classicmodels.payments",
            ),
            (
                source.format("offices"),
                lake.format("offices"),
                1,
                "officeCode='3' is only in the source classicmodels.offices",
            ),
        ]
    )


def test_a_warehouse_that_lags_behind_the_lake_is_named(whole, shop):
    shop.run("update orderdetails set priceEach = 1.00 where orderNumber = 103")
    captured(whole, "orderdetails", TODAY, afresh=True)
    ((left, right, different, first),) = apart(whole)
    assert (left, right, different) == ("lake classicmodels.orderdetails", "warehouse fct_order_lines", 1)
    assert "orderNumber=103, productCode='P2': priceEach is Decimal('1.00')" in first


def test_a_column_that_the_lake_has_not_seen_is_named(whole, shop):
    shop.run("alter table offices add column opened date")
    ((left, _, _, first),) = apart(whole)
    assert (left, first) == ("source classicmodels.offices", "the lake has no column opened yet: refera run")


def test_a_table_that_was_never_captured_or_published_is_said_to_be_so(stage, shop):
    found = {one.left: one.first_difference for one in verify_stage(stage, checkout_project())}
    assert found["source classicmodels.orders"] == "the table was never captured: refera run"
    capture_all(stage, TODAY)
    assert ("lake classicmodels.orders", "the table was never published: refera run") in {
        (one.left, one.first_difference) for one in verify_stage(stage, checkout_project())
    }
