"""A page agrees with itself: a member has one name and one total in all charts and tables that tell of it."""

from collections import defaultdict
from datetime import timedelta
from decimal import Decimal

import pytest

from refera_platform.answers.report.figures import Figures, read_figures
from refera_platform.warehouse.build.run import build_warehouse
from refera_platform_tests.business import TODAY, open_shop
from refera_platform_tests.checkout import checkout_project, declared_tables
from refera_platform_tests.local_stack import capture_all, own_stage

KINDS = {
    "product": "product",
    "product_name": "product",
    "product_line": "product_line",
    "salesperson": "salesperson",
    "customer": "customer",
    "customer_name": "customer",
    "order_status": "status",
    "manager": "manager",
    "office_city": "office",
    "customer_city": "city",
    "month": "month",
}
"""What a column of a chart or table tells of."""
MEASURES = {
    "sales_amount": "sales",
    "paid": "paid",
    "total_amount": "paid",
    "cancelled_amount": "cancelled",
    "value": "value",
    "stock_value_at_cost": "value",
    "quantity": "quantity",
    "quantity_in_stock": "quantity",
}
JOINED = {("salespeople", "office_city")}
"""Columns that list several members in one row."""
Totals = dict[tuple[str, str], dict[str, dict[str | None, Decimal]]]


@pytest.fixture(scope="module")
def renamed(home):
    """Two days of business: everybody and everything gets another name after having sold, bought or been in stock."""
    with open_shop(home) as shop:
        here = own_stage(home)
        shop.at(TODAY - timedelta(days=1))
        capture_all(here, TODAY - timedelta(days=1))
        shop.at(TODAY)
        for statement in (
            "update employees set firstName = 'Zoe', lastName = 'Adams' where employeeNumber = 3",
            "update employees set firstName = 'Bruno', lastName = 'Aguiar' where employeeNumber = 3",
            "update employees set firstName = 'Zita', lastName = 'Abel' where employeeNumber = 4",
            "update employees set firstName = 'Dora', lastName = 'Aral' where employeeNumber = 4",
            "update customers set customerName = 'Abel' where customerNumber = 11",
            "update products set productLine = 'Cars', productName = 'A boat' where productCode = 'P1'",
            "insert into orders values (105, '2026-03-10', '2026-03-20', null, 'In Process', null, 11)",
            "insert into orderdetails values (105, 'P1', 1, '5.00', 1)",
            "insert into payments values (11, 'C4', '2026-03-10', '1.00')",
        ):
            shop.run(statement)
        capture_all(here, TODAY)
        made = build_warehouse(here, declared_tables())
        assert made.published is not None, str(made.to_error())
        return here


def totals(found: Figures) -> Totals:
    """(kind of member, measure) -> chart or table -> member -> its total there."""
    told: Totals = defaultdict(lambda: defaultdict(lambda: defaultdict(Decimal)))
    for name, rows in found.series.items():
        for row in rows:
            for field in KINDS.keys() & row.keys():
                for measure in MEASURES.keys() & row.keys():
                    if row[measure] is not None:
                        member = row[field][:7] if field == "month" else row[field]
                        amount = Decimal(str(row[measure])).quantize(Decimal("0.01"))
                        told[KINDS[field], MEASURES[measure]][name][member] += amount
    for number, tables in found.tables.items():
        for table in tables:
            names = [column.name for column in table.columns]
            for cells in table.rows:
                row = dict(zip(names, cells, strict=True))
                for field in KINDS.keys() & row.keys():
                    for measure in MEASURES.keys() & row.keys():
                        if (table.name, field) not in JOINED and row[measure] is not None:
                            member = row[field][:7] if KINDS[field] == "month" and row[field] else row[field]
                            where = f"table {table.name} of question {number}"
                            told[KINDS[field], MEASURES[measure]][where][member] += Decimal(row[measure])
    return told


def disagreements(told: Totals) -> list[str]:
    """Every chart or table that says something else of a kind of member than the first one does."""
    return [
        f"{measure} by {kind}: {name} says {dict(members)}, {next(iter(places))} says {dict(first)}"
        for (kind, measure), places in told.items()
        for first in [next(iter(places.values()))]
        for name, members in places.items()
        if members != first
    ]


def test_a_member_has_one_name_and_one_total_on_the_whole_page(renamed):
    told = totals(read_figures(renamed, checkout_project(), checkout_project().reports[0]))
    assert disagreements(told) == []
    assert {kind for kind, _ in told} == set(KINDS.values())
    for kind in ("product_line", "customer", "office", "manager", "salesperson"):
        assert len(told[kind, "sales"]) > 1, kind
    assert told["manager", "sales"]["managers"].keys() == {"Bruno Aguiar", "Bia Costa", None}
    assert told["salesperson", "sales"]["salespeople"].keys() == {"Dora Aral", "Eva Faria", None}
    assert told["customer", "paid"]["paying_customers"].keys() == {"Acme", "Abel"}
    assert told["product_line", "sales"]["sales_by_line"] == {"Cars": Decimal("238.94")}
    assert told["product_line", "quantity"]["stock_by_month"].keys() == {"Cars"}


def test_one_chart_that_says_something_else_is_seen(renamed):
    """The twin: a chart by the line that a product belonged to when it was sold, as the page had it once."""
    found = read_figures(renamed, checkout_project(), checkout_project().reports[0])
    found.series["sales_by_line"][0]["product_line"] = "Boats"
    (told,) = {line.partition(":")[0] for line in disagreements(totals(found))}
    assert told == "sales by product_line"
