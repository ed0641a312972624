"""The answers against the source itself: the same question asked at both ends gives the same rows."""

from contextlib import closing
from datetime import timedelta

import pytest

from refera_platform.answers.session import open_query_session
from refera_platform.answers.verify import verify_stage
from refera_platform.sandbox.business.history import create_sample
from refera_platform.sandbox.business.session import SampleAdmin
from refera_platform.sandbox.dump.restore import restore_dump
from refera_platform.warehouse.build.run import build_warehouse
from refera_platform_tests.answers.oracle import ANSWERS, ask, in_order, ship_answer, stock_answer
from refera_platform_tests.business import TODAY
from refera_platform_tests.checkout import checkout_project, declared_tables
from refera_platform_tests.local_stack import REAL_DUMP, capture_all, evening, owner

STOCK, SHIP = "ans_stock_by_product_and_month", "ans_time_to_ship"


def published(stage):
    """Every answer as it is published, as comparable rows."""
    with open_query_session(stage, checkout_project()) as session:
        return {name: in_order(session.query(f"from {name}").fetchall()) for name in (*ANSWERS, STOCK, SHIP)}


PEOPLE = ("ans_sales_by_salesperson", "ans_sales_by_person", "ans_sales_by_manager_and_cities")


def asked(home, customers="customers"):
    """Every answer as the source gives it now; who sold to a customer, out of a copy of an earlier day."""
    questions = {**ANSWERS, STOCK: stock_answer(TODAY), SHIP: ship_answer(TODAY)}
    then = f"join {customers} as customer"
    questions |= {name: questions[name].replace("join customers as customer", then) for name in PEOPLE}
    with closing(owner(home)) as connection:
        return {name: ask(connection, sql) for name, sql in questions.items()}


def run_day(stage):
    """One whole day: capture everything, build, audit, publish."""
    capture_all(stage, TODAY)
    built = build_warehouse(stage, declared_tables())
    assert built.published is not None, str(built.to_error())
    return built


def test_every_answer_is_the_source_s_own_and_stays_so_when_the_day_is_run_again(copied, home, shop):
    expected = asked(home)
    assert published(copied) == expected
    again = run_day(copied)
    assert published(copied) == expected
    assert {model.run_id for model in again.published.models.values()} == {again.run_id}


def test_every_answer_of_the_real_dump_is_the_source_s_own(stage, home, shop):
    if not REAL_DUMP.exists():
        pytest.skip(f"the real dump is not at {REAL_DUMP}")
    restore_dump(home, REAL_DUMP)
    run_day(stage)
    found = published(stage)
    assert found == asked(home)
    with open_query_session(stage, checkout_project()) as session:
        total = session.query("select cast(sum(sales_amount) as varchar) from ans_sales_by_product").fetchone()
    assert total == ("9604190.61",)


def test_every_answer_follows_updates_deletes_and_late_keys_of_the_generated_sample(stage, home, shop):
    list(create_sample(SampleAdmin.from_home(home), seed=3, scale=0.3, opening=TODAY))
    capture_all(stage, TODAY - timedelta(days=1))
    with closing(owner(home)) as connection, connection.cursor() as cursor:
        cursor.execute(f"set timestamp = {evening(TODAY).timestamp() - 3600}")
        for statement in (
            "create table customers_then as select * from customers",
            "update products set quantityInStock = quantityInStock + 7, buyPrice = buyPrice + 0.01",
            "update orders set status = 'Shipped', shippedDate = orderDate + interval 40 day where shippedDate is null",
            "update customers set salesRepEmployeeNumber = null where customerNumber % 5 = 0",
            "delete from orderdetails where orderNumber % 7 = 0",
            "delete from orders where orderNumber % 7 = 0",
            "delete from payments order by amount limit 5",
            "update payments set checkNumber = concat('X', checkNumber) order by amount desc limit 9",
        ):
            assert cursor.execute(statement) > 0, statement
    run_day(stage)
    assert published(stage) == asked(home, customers="customers_then"), "old sales stay with the old salesperson"
    assert [
        comparison.first_difference for comparison in verify_stage(stage, checkout_project()) if not comparison.is_equal
    ] == []


def test_a_city_with_blanks_around_it_is_one_city_and_a_sale_without_a_rep_is_kept(copied):
    with open_query_session(copied, checkout_project()) as session:
        places = session.query(
            "select customer_country, customer_city, office_city, orders from ans_sales_by_manager_and_cities"
        ).fetchall()
        without_rep = session.query(
            "select orders, sales_amount::varchar from ans_sales_by_salesperson where employee_number is null"
        ).fetchall()
    assert sorted(places) == [
        ("France", "Lyon", "Porto", 1),
        ("New Zealand", "Auckland", "Recife", 2),
        ("Norway", "Oslo", None, 1),
    ]
    assert without_rep == [(1, "39.96")]


def test_stock_is_told_for_the_month_of_its_day_and_the_last_known_one_counts(stage, shop):
    first = TODAY.replace(day=1) - timedelta(days=1)
    capture_all(stage, first)
    shop.run("update products set quantityInStock = 60 where productCode = 'P1'")
    capture_all(stage, TODAY.replace(day=1))
    shop.run("update products set quantityInStock = 61 where productCode = 'P1'")
    april = TODAY.replace(month=4, day=2)
    start = TODAY.replace(day=2)
    days = [start + timedelta(days=step) for step in range((april - start).days + 1)]
    capture_all(stage, *days)
    for _ in range(2):  # the same month again gives no second row
        assert build_warehouse(stage, declared_tables()).published is not None
    with open_query_session(stage, checkout_project()) as session:
        rows = session.query(
            f"select stock_year, stock_month, quantity_in_stock from {STOCK} where product_code = 'P1' order by all"
        ).fetchall()
        products = session.query(f"select stock_month, count(*) from {STOCK} group by all order by all").fetchall()
    assert rows == [(2026, 2, 100), (2026, 3, 61), (2026, 4, 61)], "April changed nothing, January was never seen"
    assert products == [(2, 3), (3, 3), (4, 3)]
