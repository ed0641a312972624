"""A log that begins anew in the midst of a day: what it tells comes after what the log before it told."""

from contextlib import closing
from datetime import timedelta

from refera_platform.warehouse.build.run import build_warehouse
from refera_platform_tests.answers.test_versions import ask
from refera_platform_tests.business import TODAY
from refera_platform_tests.checkout import declared_tables
from refera_platform_tests.local_stack import capture_all, captures, evening, root
from refera_platform_tests.warehouse.test_increment import content, published, rebuilt

NEXT = TODAY + timedelta(days=1)
SALES = (
    "select order_number, employee_number from fct_orders join dim_employee on sales_rep_key = employee_key"
    " where order_number >= 300 order by 1"
)


def at_the_server(home, *statements):
    with closing(root(home)) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def test_what_a_log_that_was_reset_tells_comes_after_what_it_told_before(stage, home, shop):
    capture_all(stage, TODAY)
    at_the_server(home, *["flush binary logs"] * 3)
    shop.at(NEXT, 9)
    shop.run("update customers set salesRepEmployeeNumber = 5, city = 'Then' where customerNumber = 10")
    shop.run("insert into orders values (300, '2026-03-11', '2026-03-20', null, 'Shipped', null, 10)")
    capture_all(stage, NEXT)
    at_the_server(home, "reset master")
    captures(stage, declared_tables(), NEXT, afresh=True)
    shop.at(NEXT, 15)
    shop.run("insert into orders values (301, '2026-03-11', '2026-03-20', null, 'Shipped', null, 10)")
    shop.run("update customers set salesRepEmployeeNumber = 4, city = 'Now' where customerNumber = 10")
    shop.run("insert into orders values (302, '2026-03-11', '2026-03-20', null, 'Shipped', null, 10)")
    capture_all(stage, NEXT)
    captures(stage, declared_tables(), NEXT, afresh=True)
    at = stage.at_instant(evening(NEXT))
    built = build_warehouse(at, declared_tables())
    assert built.published is not None, built.to_error()
    assert ask(stage, SALES) == [(300, 5), (301, 5), (302, 4)]
    cities = "select customer_city, is_current from dim_customer where customer_number = 10 order by version_number"
    assert ask(stage, cities) == [("Auckland", False), ("Then", False), ("Now", True)]
    assert content(published(stage)) == content(rebuilt(at))
