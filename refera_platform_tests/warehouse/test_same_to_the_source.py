"""What the source calls equal is one in the warehouse, and what it calls two is two: by each column's collation."""

from datetime import timedelta
from typing import Any

import pytest

from refera_platform.answers.session import open_query_session
from refera_platform.answers.verify import verify_stage
from refera_platform.settings.stage import Stage
from refera_platform.warehouse.build.run import build_warehouse
from refera_platform_tests.business import TODAY, Shop, open_shop
from refera_platform_tests.checkout import checkout_project, declared_tables
from refera_platform_tests.local_stack import captures, evening, own_stage

NEXT = TODAY + timedelta(days=1)


def ask(stage: Stage, sql: str) -> list[tuple[Any, ...]]:
    with open_query_session(stage, checkout_project()) as session:
        return session.query(sql).fetchall()


def day(stage: Stage, *days: Any) -> Any:
    """Capture, build and publish."""
    at = stage.at_instant(evening(days[-1]))
    captures(at, declared_tables(), *days)
    built = build_warehouse(at, declared_tables())
    assert built.published is not None, str(built.to_error())
    return at, built


@pytest.fixture(scope="module")
def typed(home):
    """A day on which people typed keys as they liked, and the source took them all."""
    with open_shop(home) as shop:
        stage = own_stage(home)
        day(stage, TODAY)
        shop.at(NEXT)
        shop.run("insert into orders values (300, '2026-03-11', '2026-03-20', null, 'shipped', null, 10)")
        shop.run(
            "insert into products select ' P1', 'Another thing', 'boats', productScale, productVendor,"
            " productDescription, 1, 1.00, 2.00 from products where productCode = 'P1'"
        )
        shop.run("insert into orderdetails values (300, 'p1', 1, 11.00, 1), (300, ' P1', 1, 3.00, 2)")
        shop.run("update products set productLine = 'CARS ' where productCode = 'P2'")
        shop.run("insert into payments values (10, ' C1', '2026-03-11', 1.00)")
        shop.run(
            "insert into customers values (15, 'Too', 'F', 'F', '6', 'f', null, 'auckland', null, null, 'NEW ZEALAND', 4, 1)"
        )
        shop.run("insert into orders values (301, '2026-03-11', '2026-03-20', null, 'Lost at sea', null, 15)")
        shop.run("insert into orderdetails values (301, 'P2', 2, 1.00, 1)")
        shop.run("insert into orders values (302, '2026-03-11', '2026-03-20', null, 'LOST AT SEA', null, 15)")
        shop.run("insert into orderdetails values (302, 'p2 ', 3, 1.00, 1)")
        at, built = day(stage, NEXT)
        assert built.full_build_reason == "", "the day's changes are enough"
        yield at, shop


def test_sales_are_summed_up_by_what_the_source_calls_one(typed):
    stage, shop = typed
    asked = {
        "ans_sales_by_product": "select max(p.productCode) as k, count(*), sum(quantityOrdered * priceEach)"
        " from orderdetails as d join products as p using (productCode) group by p.productCode",
        "ans_sales_by_product_line": "select max(l.productLine) as k, count(*), sum(quantityOrdered * priceEach)"
        " from orderdetails join products as p using (productCode) join productlines as l on l.productLine = p.productLine"
        " group by l.productLine",
    }
    for answer, sql in asked.items():
        column = "product_code" if answer == "ans_sales_by_product" else "product_line"
        ours = ask(stage, f"select {column}, order_lines, sales_amount from {answer}")
        assert sorted(ours) == sorted(shop.ask(sql)), answer
    places = ask(
        stage,
        "select customer_city, sum(orders) from ans_sales_by_manager_and_cities where customer_city ilike 'auck%' group by 1",
    )
    assert places == [("Auckland", 5)]
    statuses = ask(
        stage, "select order_status, sum(orders) from ans_sales_by_customer_and_status group by 1 order by 1"
    )
    assert statuses == [("In Process", 1), ("LOST AT SEA", 2), ("On Hold", 1), ("Shipped", 3)]


def test_a_line_finds_its_product_however_it_was_typed_and_shows_what_was_typed(typed):
    stage, _ = typed
    lines = ask(
        stage,
        "select l.product_code, p.product_name, cast(unit_cost as varchar) from fct_order_lines as l"
        " join dim_product as p using (product_key) where order_number >= 300 order by order_number, l.product_code",
    )
    assert lines == [
        (" P1", "Another thing", "1.00"),
        ("p1", "Boat", "10.00"),
        ("P2", "Car", "5.50"),
        ("p2 ", "Car", "5.50"),
    ]
    lines = ask(stage, "select distinct product_code, product_line from dim_product where is_latest order by all")
    assert lines == [(" P1", "Boats"), ("P1", "Boats"), ("P2", "Cars"), ("P3", "Cars"), (None, None)]
    checks = ask(stage, "select check_number from fct_payments where customer_number = 10 order by 1")
    assert checks == [(" C1",), ("C1",)]
    assert [each.first_difference for each in verify_stage(stage, checkout_project()) if not each.is_equal] == []


def test_a_member_that_is_typed_anew_stays_one_member_until_its_collation_parts_them(stage: Stage, shop: Shop) -> None:
    day(stage, TODAY)
    key = ask(stage, "select product_key from dim_product where product_code = 'P1'")
    shop.at(NEXT)
    shop.run("set foreign_key_checks = 0")
    shop.run("update products set productCode = 'p1' where productCode = 'P1'")
    shop.run("update offices set officeCode = '1 ' where officeCode = '1'")
    at, built = day(stage, NEXT)
    assert "offices changed" in built.full_build_reason
    versions = ask(
        at,
        "select product_code, version_number, is_latest, is_deleted from dim_product where product_code ilike 'p1' order by 2",
    )
    assert versions == [("P1", 1, False, False), ("p1", 2, True, False)]
    assert ask(at, "select product_key from dim_product where product_code = 'P1'") == key
    assert ask(at, "select product_code, order_lines from ans_sales_by_product where product_code ilike 'p1'") == [
        ("p1", 2)
    ]
    assert ask(at, "select count(*) from fct_stock_daily where product_code ilike 'p1'") == [(2,)]
    assert ask(at, "select count(*) from dim_office where not is_deleted and office_key <> -1") == [(2,)]
    a_collation_changes(at, shop)


def a_collation_changes(stage: Stage, shop: Shop) -> None:
    """What was one is two now, so that everything is built."""
    after = NEXT + timedelta(days=1)
    shop.at(after)
    for table, key in (("orderdetails", "orderdetails_ibfk_2"), ("products", "products_ibfk_1")):
        shop.run(f"alter table {table} drop foreign key {key}")
        shop.run(f"alter table {table} modify productCode varchar(15) collate utf8mb4_bin not null")
    shop.run(
        "insert into products select 'P1', 'Another thing', productLine, productScale, productVendor,"
        " productDescription, 1, 1.00, 2.00 from products where productCode = 'p1'"
    )
    at, built = day(stage, after)
    assert "column productCode is compared by utf8mb4_bin now" in built.full_build_reason
    sold = ask(
        at,
        "select product_code, product_name, order_lines from ans_sales_by_product where product_code ilike 'p1'",
    )
    assert sold == [("P1", "Another thing", 2)], "the lines name P1, which is another than p1 now"
