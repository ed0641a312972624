"""Turns that a build of the changes must take as a full rebuild does, one after the other in one warehouse."""

from datetime import date, timedelta

from refera_platform.lake.lake import Lake
from refera_platform.warehouse.build.result import BuildResult
from refera_platform.warehouse.build.run import build_warehouse
from refera_platform_tests.answers.test_versions import ask
from refera_platform_tests.business import TODAY
from refera_platform_tests.checkout import declared_tables, find_table
from refera_platform_tests.local_stack import captures, evening
from refera_platform_tests.warehouse.test_increment import content, published, rebuilt

NEXT = TODAY + timedelta(days=1)
APRIL = date(2026, 4, 1)


def run(stage, *days: date) -> BuildResult:
    at = stage.at_instant(evening(days[-1]))
    captures(at, declared_tables(), *days)
    built = build_warehouse(at, declared_tables())
    assert built.published is not None, str(built.to_error())
    return built


def test_clocks_that_differ_seconds_that_are_shared_new_columns_and_the_turn_of_a_month(stage, shop):
    run(stage, TODAY)

    # on the day of the first capture the server's clock is behind the one that dated the capture
    shop.at(TODAY, 12)
    shop.run("set foreign_key_checks = 0")
    shop.run("update customers set salesRepEmployeeNumber = 5 where customerNumber = 10")
    shop.run("delete from customers where customerNumber = 13")
    assert run(stage, TODAY).full_build_reason == ""
    assert ask(
        stage, "select sales_rep_number from dim_customer where customer_number = 10 order by version_number"
    ) == [(4,), (5,)]
    lost = "select count(*) from fct_orders anti join dim_customer using (customer_key)"
    assert ask(stage, lost) == [(0,)]

    # two transactions of one second, with a build between them, and an order of a month long past
    shop.at(NEXT, 10)
    shop.run("insert into customers values (50,'New','x','y','4','d',null,'Oslo',null,null,'Norway',4,50)")
    shop.run("insert into orders values (300, '2025-01-05', '2025-02-01', null, 'In Process', null, 50)")
    shop.run("insert into orderdetails values (300, 'P1', 1, 10.00, 1)")
    run(stage, NEXT)
    shop.run("update customers set salesRepEmployeeNumber = 5 where customerNumber = 50")
    # yesterday's object is completed by a run that finds another column
    shop.at(NEXT, 23)
    shop.run("alter table orders add column channel varchar(10) default 'web' first")
    shop.run("update orders set status = 'Shipped' where orderNumber = 104")
    assert run(stage, NEXT).full_build_reason == ""
    assert ask(
        stage,
        "select employee_number from fct_orders join dim_employee on sales_rep_key = employee_key where order_number = 300",
    ) == [(4,)]

    # a new month, and a stock that changed in it
    shop.at(APRIL, 9)
    shop.run("update products set quantityInStock = 55 where productCode = 'P1'")
    built = run(stage, *[NEXT + timedelta(days=step) for step in range(1, (APRIL - NEXT).days + 1)])
    assert built.full_build_reason == ""
    assert "2026-04" in built.rebuilt_months
    assert content(published(stage)) == content(rebuilt(stage.at_instant(evening(APRIL))))


def test_a_day_that_was_moved_away_and_captured_again_is_read_anew(copied, shop):
    lake = Lake(copied)
    lake.objects.remove(lake.stored_days(find_table("orders"))[TODAY].key)
    shop.at(TODAY, 12)
    shop.run("update orders set status = 'Cancelled' where orderNumber = 104")
    built = run(copied, TODAY)
    assert built.full_build_reason == f"classicmodels.orders: its day {TODAY} was captured again"
    assert ask(copied, "select order_status from fct_orders where order_number = 104") == [("Cancelled",)]
