"""The report before a browser sees it: its numbers are the warehouse's, its size has bounds, its errors are sentences."""

import json
import re
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from refera_platform.answers.report import page as pages
from refera_platform.answers.report.charts import chart_specifications
from refera_platform.answers.report.figures import Figures, read_figures
from refera_platform.answers.report.lineage import AnswerColumn, trace_answer_columns
from refera_platform.answers.report.publish import (
    REPORT_PAGE_KEY,
    REPORT_PREVIEW_KEY,
    PublishedReport,
    publish_report,
    read_published_page,
    report_browser_url,
)
from refera_platform.answers.report.words import page_words
from refera_platform.answers.session import open_query_session
from refera_platform.aws import s3_client
from refera_platform.errors import QueryError, WarehouseError
from refera_platform.lake.objects import ObjectRoot
from refera_platform.project.report_declarations import LANGUAGES
from refera_platform.settings.object_store import ObjectStore
from refera_platform.warehouse.build.run import build_warehouse
from refera_platform.warehouse.catalogs.dbt_docs import LINEAGE_KEY
from refera_platform.warehouse.catalogs.lineage import ColumnReference, Lineage
from refera_platform_tests.business import TODAY, open_shop
from refera_platform_tests.checkout import checkout_project, declared_tables
from refera_platform_tests.local_stack import capture_all, captures, copy_into, own_stage

HOSTILE = "</script><!--<b>&amp; 'é'\u2028"
ANSWERS = {
    (1, "products"): "select product_code, orders, order_lines, units, sales_amount from ans_sales_by_product",
    (1, "product_lines"): "select product_line, orders, units, sales_amount from ans_sales_by_product_line",
    (1, "days"): "select order_date, orders, units, sales_amount from ans_sales_by_order_date",
    (
        1,
        "months",
    ): "select make_date(order_year, order_month, 1) as month, orders, sales_amount from ans_sales_by_month",
    (2, "salespeople"): "select employee_number, orders, units, sales_amount from ans_sales_by_salesperson",
    (3, "payments"): "select customer_number, customer_name, payment_date, payments, total_amount,"
    " average_amount::decimal(18, 2) as average_amount from ans_average_payment_by_customer_and_date",
    (4, "customers_and_statuses"): "select customer_number, order_status, orders, units, sales_amount"
    " from ans_sales_by_customer_and_status",
    (5, "latest_late"): "select order_number, order_date, required_date, shipped_date, days_to_ship"
    " from ans_time_to_ship where shipped_late",
    (6, "managers_and_cities"): "select customer_country, customer_state, customer_city, office_city, orders,"
    " sales_amount from ans_sales_by_manager_and_cities",
    (7, "stock"): 'select product_code, product_name, quantity_in_stock as "2026-03", stock_value_at_cost'
    " from ans_stock_by_product_and_month",
}
"""Tables of the page, and the answers they show."""


@pytest.fixture(scope="module")
def built(home, template):
    """A day of the small business, captured and published; these tests only look at it."""
    return copy_into(own_stage(home), template)


@pytest.fixture(scope="module")
def odd(home):
    """The same with names and dates as nobody should have them."""
    with open_shop(home) as shop:
        shop.run("update employees set firstName = 'Duda', lastName = 'Évora' where employeeNumber = 5")
        shop.run("update orders set orderDate = '2206-02-02' where orderNumber = 104")
        shop.run("update customers set customerName = %s where customerNumber = 10", [HOSTILE])
        return rebuilt(own_stage(home))


def figures_of(stage) -> Figures:
    (report,) = checkout_project().reports
    return read_figures(stage, checkout_project(), report)


def published(stage) -> PublishedReport:
    (report,) = checkout_project().reports
    return publish_report(stage, checkout_project(), report)


def rebuilt(stage):
    capture_all(stage, TODAY)
    made = build_warehouse(stage, declared_tables())
    assert made.published is not None, str(made.to_error())
    return stage


def table(found, number, name):
    """A table of the page, and its rows as dictionaries."""
    (one,) = [each for each in found.tables[str(number)] if each.name == name]
    names = [column.name for column in one.columns]
    return one, [dict(zip(names, row, strict=True)) for row in one.rows]


def test_the_headline_is_what_the_business_did(built):
    found = figures_of(built)
    assert found.headline == {
        "sales": "233.94",
        "orders": 4,
        "order_lines": 5,
        "units": 20,
        "average_order": "58.49",
        "late_share": "75.0",
        "late": 3,
        "judged": 4,
        "overdue": 2,
        "cancelled": "0.00",
        "customers": 4,
        "first_order": "2026-01-05",
        "last_order": "2026-02-02",
        "lines_per_order": "1.3",
        "units_per_line": "4.0",
    }
    assert found.as_of == TODAY
    assert found.sentences["1"] == [None]


def test_every_table_of_the_page_is_the_answer_and_its_total_is_of_all(built):
    found = figures_of(built)
    with open_query_session(built, checkout_project()) as session:
        for (number, name), sql in ANSWERS.items():
            cursor = session.query(sql)
            columns = [column[0] for column in cursor.description]
            expected = sorted([*map(str, row)] for row in cursor.fetchall())
            one, rows = table(found, number, name)
            assert sorted([*(str(row[column]) for column in columns)] for row in rows) == expected, name
            assert one.row_count == len(expected)
            for column, total in zip(one.columns, one.total or (), strict=False):
                if column.is_summed:
                    assert Decimal(total) == sum(
                        Decimal(row[column.name]) for row in rows if row[column.name] is not None
                    ), (name, column.name)
    late = table(found, 5, "latest_late")[1]
    assert [(row["customer_name"], row["shipped_date"], row["days_late"]) for row in late] == [
        ("Cá'nt", None, 28),
        ("No rep", None, 26),
        ("Bell", "2026-01-28", 3),
    ]


def test_charts_draw_what_the_tables_say_and_each_has_its_place_on_the_page(built):
    found = figures_of(built)
    (report,) = checkout_project().reports
    assert len(found.series) == 17
    for language in LANGUAGES:
        assert sorted(chart_specifications(report, language, validate=True)) == sorted(found.series)
    for name in (
        "sales_by_month",
        "sales_by_line_and_month",
        "sales_by_line",
        "best_products",
        "salespeople",
        "customers_by_status",
        "managers",
        "cities",
    ):
        assert round(sum(row["sales_amount"] for row in found.series[name]), 2) == 233.94, name
    assert {(row["days"], row["outcome"], row["orders"]) for row in found.series["days_to_ship"] if row["orders"]} == {
        ("5", "on_time", 1),
        ("8", "late", 1),
    }
    assert [row["days"] for row in found.series["days_to_ship"]] == ["5", "6", "7", "8"]


def test_people_of_one_name_are_told_apart_and_a_mistyped_year_is_in_the_tables_only(odd):
    found = figures_of(odd)
    named = {row["salesperson"] for row in found.series["salespeople"]}
    assert named == {"Duda Évora (4)", "Duda Évora (5)", None}
    assert [row["month"][:10] for row in found.series["sales_by_month"]] == ["2026-01-01", "2026-02-01"]
    assert found.sentences["1"] == [{"count": 1}]
    assert table(found, 1, "months")[1][0]["month"] == "2206-02-01"
    assert found.headline["sales"] == "233.94"


def test_sources_that_differ_from_the_warehouse_or_are_overdue_are_told(copied, shop):
    built = copied
    captures(built, declared_tables(), TODAY, afresh=True)
    assert [source.differences for source in figures_of(built).sources] == [{}] * 8
    shop.run("insert into orderdetails values (104, 'P1', 1, '1.00', 2), (104, 'P3', 1, '1.00', 3)")
    capture_all(built, TODAY)
    found = {source.table: source for source in figures_of(built).sources}
    assert found["classicmodels.orderdetails"].differences == {"fct_order_lines": -2}
    assert found["classicmodels.orderdetails"].lake_rows == 7
    assert found["classicmodels.orders"].differences == {}
    assert found["classicmodels.orders"].position
    assert all(source.is_fresh for source in found.values())
    later = built.at_instant(built.clock.now().replace(day=25))
    late = figures_of(later).sources[0]
    assert (late.is_fresh, late.due, late.day) == (False, date(2026, 3, 24), TODAY)


def test_the_page_is_published_as_a_browser_wants_it_and_stays_small(built):
    made = published(built)
    store = s3_client(built.store)
    bucket, _, prefix = built.warehouse.removeprefix("s3://").partition("/")
    for key, kind in ((REPORT_PAGE_KEY, "text/html; charset=utf-8"), (REPORT_PREVIEW_KEY, "image/png")):
        assert store.head_object(Bucket=bucket, Key=f"{prefix}/{key}")["ContentType"] == kind
    assert made.preview.startswith(b"\x89PNG")
    assert len(made.preview) < 40_000
    assert made.size_bytes < 1_300_000
    assert made.url == f"{built.warehouse}/{REPORT_PAGE_KEY}"
    page = read_published_page(built)
    assert len(page.encode()) == made.size_bytes
    assert not re.findall(r"""\b(?:src|href)=["'](?!data:|#)""", page.split('id="content"')[0]), "nothing is fetched"
    assert '<html lang="pt" data-language="pt">' in pages.page_in_language(page, "pt")
    aws = replace(built, store=ObjectStore(region="eu-west-1"), warehouse="s3://shop/warehouse")
    assert report_browser_url(aws) == f"https://shop.s3.eu-west-1.amazonaws.com/warehouse/{REPORT_PAGE_KEY}"


def test_names_that_are_markup_reach_the_page_as_text(odd):
    published(odd)
    page = read_published_page(odd)
    assert HOSTILE not in page
    embedded = re.search(r'id="content">(.*?)</script>', page, re.DOTALL)[1]
    assert not set("<>\u2028") & set(embedded)
    assert HOSTILE in {row["customer"] for row in json.loads(embedded)["series"]["customers_by_status"]}


def test_however_many_rows_there_are_the_page_holds_the_first_and_counts_the_rest(stage, shop):
    many = 450
    for start in range(1000, 1000 + many):
        name = f"Customer {start} " + "x" * 30
        shop.run(
            "insert into customers values (%s, %s, 'a','b','1','c',null,%s,null,null,'Chile',4,null)",
            [start, name, f"City {start}"],
        )
        shop.run("insert into products values (%s, %s, 'Cars', '1:10', 'V', 'd', 5, 1, 2)", [f"X{start}", name])
        shop.run(
            "insert into orders values (%s, %s, '2026-03-01', '2026-03-09', 'Shipped', null, %s)",
            [start, f"2026-0{1 + start % 2}-{1 + start % 28:02}", start],
        )
        shop.run("insert into orderdetails values (%s, %s, 1, '1.01', 1)", [start, f"X{start}"])
        shop.run("insert into payments values (%s, 'K', '2026-03-02', '1.01')", [start])
    made = published(rebuilt(stage))
    products, rows = table(made.figures, 1, "products")
    assert (len(rows), products.row_count) == (200, many + 2)
    assert products.total[-2] == str(Decimal("233.94") + many * Decimal("1.01"))
    late, rows = table(made.figures, 5, "worst_late")
    assert (len(rows), late.row_count) == (50, many + 3)
    assert all(len(each.rows) <= 200 for tables in made.figures.tables.values() for each in tables)
    assert all(len(rows) <= 600 for rows in made.figures.series.values())
    assert made.size_bytes < 1_500_000


def test_a_warehouse_without_orders_has_a_page_that_says_so(stage, shop):
    for name in ("orderdetails", "payments", "orders"):
        shop.run(f"delete from {name}")
    made = published(rebuilt(stage))
    assert made.figures.headline["sales"] == "0.00"
    assert made.figures.headline["average_order"] is None
    assert made.figures.series["sales_by_month"] == []
    assert all(rows == [] for number, name in ANSWERS if number < 7 for rows in [table(made.figures, number, name)[1]])


def test_a_report_of_nothing_is_an_error_with_the_next_step(stage, shop):
    with pytest.raises(QueryError, match="start with `refera run`"):
        published(stage)
    with pytest.raises(WarehouseError, match=r"There is no report at s3://.* yet: run `refera run`\."):
        read_published_page(stage)
    capture_all(stage, TODAY)
    with pytest.raises(WarehouseError, match=r"The report .* reads ans_.* never published: build everything once"):
        published(stage)


def test_a_column_is_followed_to_the_source_and_no_circle_is_walked_twice(built):
    steps = {
        "ans": {"amount": [("fct", "amount")], "pieces": []},
        "fct": {"amount": [("stg", "price"), ("stg", "units"), ("fct", "amount")]},
        "stg": {"price": [("shop.lines", "priceEach")], "units": [("shop.lines", "quantity")]},
    }
    lineage = Lineage(
        models={
            model: {column: tuple(ColumnReference(*place) for place in places) for column, places in columns.items()}
            for model, columns in steps.items()
        }
    )
    assert trace_answer_columns(lineage, ["ans", "missing"]) == [
        AnswerColumn(
            model="ans",
            column="amount",
            through=("fct.amount", "stg.price", "stg.units"),
            sources=("shop.lines.priceEach", "shop.lines.quantity"),
        ),
        AnswerColumn(model="ans", column="pieces", through=(), sources=()),
    ]
    root = ObjectRoot(built.warehouse, built.store)
    root.remove(LINEAGE_KEY)
    assert figures_of(built).origins is None
    written = {"models": {"ans_sales_by_month": {"units": [{"relation": "s.lines", "column": "q"}]}}}
    root.write(LINEAGE_KEY, json.dumps(written).encode())
    assert figures_of(built).origins == [
        AnswerColumn(model="ans_sales_by_month", column="units", through=(), sources=("s.lines.q",))
    ]
    root.write(LINEAGE_KEY, b'{"models": ["x"]}')
    with pytest.raises(WarehouseError, match="is not lineage: build the warehouse again"):
        figures_of(built)
    root.remove(LINEAGE_KEY)


def test_both_languages_say_everything_with_the_same_numbers_in_it():
    english, portuguese = (page_words(checkout_project().reports[0], language) for language in LANGUAGES)
    assert english.keys() == portuguese.keys()
    blanks = re.compile(r"\{\w+\}")
    for key, text in english.items():
        assert sorted(blanks.findall(text)) == sorted(blanks.findall(portuguese[key])), key
