"""History end to end: who sold what to whom is told as it was when it was sold, and every rebuild says the same."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from refera_platform.answers.session import open_query_session
from refera_platform.warehouse.build.run import build_warehouse
from refera_platform_tests.business import TODAY, open_shop
from refera_platform_tests.checkout import checkout_project, declared_tables
from refera_platform_tests.local_stack import captures, evening, own_stage
from refera_platform_tests.warehouse.test_increment import content, published, rebuilt

NEXT = TODAY + timedelta(days=1)


def at(hour):
    return datetime(NEXT.year, NEXT.month, NEXT.day, hour, tzinfo=UTC)


def ask(stage, sql):
    with open_query_session(stage, checkout_project()) as session:
        return session.query(sql).fetchall()


@pytest.fixture(scope="module")
def moved(home):
    """A day after the first capture, on which people, prices and customers changed between orders."""
    with open_shop(home) as shop:
        return after_a_day(own_stage(home), shop)


def after_a_day(stage, shop):
    captures(stage, declared_tables(), TODAY)
    assert build_warehouse(stage, declared_tables()).published is not None
    order = "insert into orders values (%s, %s, '2026-04-01', null, 'In Process', null, %s)"
    line = "insert into orderdetails values (%s, 'P1', 1, 10.00, 1)"
    shop.at(NEXT, 9)
    for number, customer in ((200, 10), (203, 12)):
        shop.run(order, (number, NEXT, customer))
        shop.run(line, (number,))
    shop.at(NEXT, 10)
    shop.run("update customers set salesRepEmployeeNumber = 5 where customerNumber = 10")
    shop.run("update employees set reportsTo = 3, officeCode = '2' where employeeNumber = 5")
    shop.run("update products set buyPrice = 12 where productCode = 'P1'")
    shop.at(NEXT, 11)
    shop.run(order, (201, NEXT, 10))
    shop.run(line, (201,))
    shop.run(order, (202, TODAY - timedelta(days=30), 10))  # entered late: the sale was the former salesperson's
    shop.run(line, (202,))
    shop.at(NEXT, 12)
    shop.run("start transaction")
    shop.run("update customers set customerName = 'Bell & Sons' where customerNumber = 11")
    shop.run("update customers set customerName = 'Bell Ltd' where customerNumber = 11")
    shop.run("commit")
    shop.run("update products set quantityInStock = quantityInStock - 1")  # no attribute of a product
    shop.at(NEXT, 13)
    shop.run("set foreign_key_checks = 0")
    shop.run("delete from customers where customerNumber = 13")
    shop.at(NEXT, 14)
    shop.run("insert into customers values (13,'Rep at last','Four','D','4','d',null,'Oslo',null,null,'Norway',4,50)")
    shop.run("delete from employees where employeeNumber = 4")
    shop.at(NEXT, 15)
    in_one_second(shop, order, line)
    after = stage.at_instant(evening(NEXT))
    captures(after, declared_tables(), NEXT)
    built = build_warehouse(after, declared_tables())
    assert built.published is not None, str(built.to_error())
    assert built.full_build_reason == "", "the day's changes are enough"
    return after


def in_one_second(shop, order, line):
    """Orders between the changes of their customer and of what they sell; nothing but the log tells which was first."""
    shop.run("insert into customers values (14,'Uno','Five','E','5','e',null,'Lima',null,null,'Peru',null,1)")
    for number, rep, price in ((300, 5, 12), (301, 2, 13), (302, 5, 14)):
        shop.run("update customers set salesRepEmployeeNumber = %s where customerNumber = 14", (rep,))
        shop.run("update products set buyPrice = %s where productCode = 'P1'", (price,))
        shop.run(order, (number, NEXT, 14))
        shop.run(line, (number,))
    shop.run("start transaction")  # what is committed together is there together
    shop.run(order, (303, NEXT, 14))
    shop.run(line, (303,))
    shop.run("update customers set salesRepEmployeeNumber = 2 where customerNumber = 14")
    shop.run("commit")


def test_an_order_belongs_to_what_the_log_had_before_it_also_within_a_second(moved):
    sold = ask(
        moved,
        "select order_number, rep.employee_number, cast(unit_cost as integer) from fct_order_lines"
        " join dim_employee as rep on sales_rep_key = rep.employee_key where order_number >= 300 order by 1",
    )
    assert sold == [(300, 5, 12), (301, 2, 13), (302, 5, 14), (303, 2, 14)]
    keys = ask(moved, "select count(*), count(distinct customer_key) from dim_customer where customer_number = 14")
    assert keys == [(5, 5)]


def test_sales_stay_with_the_people_prices_and_places_of_their_moment(moved):
    sold = ask(
        moved,
        "select order_number, rep.employee_number, manager.employee_number, place.office_code, unit_cost from fct_order_lines"
        " join dim_employee as rep on sales_rep_key = rep.employee_key"
        " join dim_employee as manager on manager_key = manager.employee_key join dim_office as place using (office_key)"
        " where customer_number in (10, 12) and product_code = 'P1' order by 1",
    )
    ten, twelve = Decimal("10.00"), Decimal("12.00")
    assert sold == [
        (100, 4, 3, "2", ten),
        (200, 4, 3, "2", ten),
        (201, 5, 3, "2", twelve),
        (202, 4, 3, "2", ten),
        (203, 5, 2, "1", ten),
    ]
    by_rep = ask(
        moved,
        "select employee_number, office_code, manager_number, orders from ans_sales_by_salesperson order by all",
    )
    assert by_rep == [(2, "1", 1, 2), (4, "2", 3, 4), (5, "1", 2, 2), (5, "2", 3, 3), (None, None, None, 1)]


def test_versions_follow_the_log_and_a_member_that_is_gone_stays(moved):
    customers = ask(
        moved,
        "select customer_number, customer_name, sales_rep_number, valid_from, valid_to, version_number, is_current,"
        " is_latest, is_deleted from dim_customer where customer_number in (10, 11, 13) order by 1, 6",
    )
    since = datetime(1900, 1, 1, tzinfo=UTC)
    assert customers == [
        (10, "Acme", 4, since, at(10), 1, False, False, False),
        (10, "Acme", 5, at(10), None, 2, True, True, False),
        (11, "Bell", 4, since, at(12), 1, False, False, False),
        (11, "Bell Ltd", 4, at(12), None, 2, True, True, False),
        (13, "No rep", None, since, at(13), 1, False, False, True),
        (13, "Rep at last", 4, at(14), None, 2, True, True, False),
    ]
    gone = ask(
        moved,
        "select valid_to, is_current, is_latest, is_deleted from dim_employee where employee_number = 4",
    )
    assert gone == [(at(14), False, True, True)]
    products = ask(moved, "select product_code, count(*) from dim_product group by all order by all")
    assert products == [("P1", 4), ("P2", 1), ("P3", 1), (None, 1)]


def test_a_rebuild_gives_the_same_versions_and_keys(moved):
    assert content(rebuilt(moved)) == content(published(moved))
