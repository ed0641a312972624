"""The report in a real browser, from a disk and without a network: it draws, it says what the warehouse says, it turns."""

import base64
import re
from decimal import ROUND_HALF_UP, Decimal
from functools import partial

import pytest

from refera_platform.answers.report.publish import REPORT_PREVIEW_KEY, publish_report, read_published_page
from refera_platform.answers.session import open_query_session
from refera_platform.lake.objects import ObjectRoot
from refera_platform.warehouse.build.run import build_warehouse
from refera_platform_tests.business import TODAY, open_shop
from refera_platform_tests.checkout import checkout_project, declared_tables
from refera_platform_tests.local_stack import capture_all, own_stage

HOSTILE = "<img src=x onerror=alert(1)>"
PHONE = {"width": 360, "height": 780}


@pytest.fixture(scope="module")
def stage(home):
    """The small business as it is published, with a customer whose name is markup."""
    with open_shop(home) as shop:
        shop.run("update customers set customerName = %s where customerNumber = 12", [HOSTILE])
        shop.run("insert into orderdetails values (103, 'P1', 1000, '1234.50', 2)")
        here = own_stage(home)
        capture_all(here, TODAY)
        assert build_warehouse(here, declared_tables()).published is not None
        publish_report(here, checkout_project(), checkout_project().reports[0])
        return here


@pytest.fixture(scope="module")
def html(stage):
    """The published page."""
    return read_published_page(stage)


@pytest.fixture
def show(show_file, html):
    """Opens the page; what goes wrong in it, or leaves it, fails the test."""
    return partial(show_file, html)


def drawn(page, how=" "):
    page.wait_for_selector(f"html[data-ready*='{how}']", timeout=20_000)


def headline(page):
    return {
        box.get_attribute("data-tile"): box.locator(".figure").inner_text() for box in page.locator(".number").all()
    }


def rows_of(page, section, table):
    """The cells of a table, opened as a reader opens it, and of its total."""
    details = page.locator(f"#q{section} details[data-table={table}]")
    if details.get_attribute("open") is None:
        details.locator("summary").click()
    details.locator("tbody tr").first.wait_for()
    body = details.locator("tbody tr").all()
    foot = details.locator("tfoot td").all_inner_texts()
    return [row.locator("td").all_inner_texts() for row in body], foot


def amount(value, english=True):
    text = f"{Decimal(value):,.2f}"
    return text if english else text.translate(str.maketrans(",.", ".,"))


def test_every_chart_is_drawn_and_named_and_nothing_leaves_the_page(show):
    page = show()
    names = [chart.name for section in checkout_project().reports[0].sections for chart in section.said.charts]
    assert len(names) == 17
    for name in names:
        chart = page.locator(f"[data-series={name}]")
        assert (
            chart.locator("svg.marks .mark-rect path, svg.marks .mark-line path, svg.marks .mark-symbol path").count()
            > 0
        ), name
        assert (
            chart.locator("[role=graphics-document]").get_attribute("aria-label")
            == page.locator(f"[data-say='chart.{name}']").inner_text()
        )
    assert page.locator("html").get_attribute("lang") == "en"


def test_the_preview_is_a_picture(browser, stage):
    picture, _ = ObjectRoot(stage.warehouse, stage.store).read(REPORT_PREVIEW_KEY)
    page = browser.new_page()
    page.set_content(f'<img src="data:image/png;base64,{base64.b64encode(picture).decode()}">')
    assert page.evaluate("document.images[0].decode().then(() => document.images[0].naturalWidth)") > 600
    page.close()


def test_the_numbers_on_the_page_are_the_warehouse_s(show, stage):
    page = show()
    with open_query_session(stage, checkout_project()) as session:
        sales, lines, units = session.query(
            "select sum(sales_amount), count(*), sum(units) from fct_order_lines"
        ).fetchone()
        (orders,) = session.query("select count(*) from fct_orders").fetchone()
        products = session.query(
            "select product_code, product_name, product_line, orders, order_lines, units, sales_amount, cancelled_amount"
            " from ans_sales_by_product order by sales_amount desc"
        ).fetchall()
        people = session.query(
            "select employee_number, orders, sales_amount from ans_sales_by_salesperson order by sales_amount desc"
        ).fetchall()
    assert headline(page) == {
        "sales": amount(sales),
        "orders": f"{orders:,}",
        "order_lines": f"{lines:,}",
        "units": f"{units:,}",
        "average_order": amount((sales / orders).quantize(Decimal("0.01"), ROUND_HALF_UP)),
        "late_share": "75.0%",
    }
    rows, foot = rows_of(page, 1, "products")
    assert rows == [
        [code, name, line, *(f"{number:,}" for number in numbers), amount(money), amount(cancelled)]
        for code, name, line, *numbers, money, cancelled in products
    ]
    assert foot == ["Total", "", "", "", f"{lines:,}", f"{units:,}", amount(sales), "0.00"]
    rows, foot = rows_of(page, 2, "salespeople")
    assert [(row[0], row[3], row[-2]) for row in rows] == [
        (str(number or "(none)"), str(count), amount(money)) for number, count, money in people
    ]
    assert foot[-2] == amount(sales)


def test_a_heading_sorts_its_table_by_value(show):
    page = show()
    before, _ = rows_of(page, 1, "products")
    button = page.locator("#q1 details[data-table=products] thead button").filter(has_text="Sales")
    button.click()
    button.click()
    assert rows_of(page, 1, "products")[0] == before[::-1]
    assert page.locator("#q1 details[data-table=products] th[aria-sort=ascending]").count() == 1


def test_the_language_turns_texts_numbers_and_months(show, stage):
    page = show()
    english = headline(page)
    page.click("[data-language=pt]")
    drawn(page, "pt")
    assert page.locator("html").get_attribute("lang") == "pt-BR"
    assert page.title() == "Relatório do negócio"
    assert page.locator("h2[id=h2]").inner_text().endswith("Vendas por vendedor")
    assert headline(page)["sales"] == english["sales"].translate(str.maketrans(",.", ".,"))
    assert "fev. de 2026" in rows_of(page, 1, "months")[0][0][0]
    assert "Fev 2026" in page.locator("[data-series=sales_by_month] svg.marks").text_content()
    assert "(nenhum)" in page.locator("[data-series=salespeople] svg.marks").text_content()
    assert page.locator("[data-say]").filter(has_text=re.compile(r"\{|undefined|^$")).count() == 0


def test_the_dark_switch_turns_the_page_and_follows_the_system_first(show):
    def ground(page):
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    page = show()
    light = ground(page)
    page.click("#theme")
    drawn(page, "dark")
    assert ground(page) != light
    assert page.locator("#theme").get_attribute("aria-pressed") == "true"
    assert ground(show(color_scheme="dark")) == ground(page)


IN_THE_HEAD = """
    const head = document.querySelector('header'), middle = head.getBoundingClientRect().height / 2;
    return [...document.querySelectorAll('.chart summary')].filter(menu => {
        const at = menu.getBoundingClientRect();
        scrollBy({top: at.top + at.height / 2 - middle, behavior: 'instant'});
        const now = menu.getBoundingClientRect();
        const met = document.elementFromPoint(now.left + now.width / 2, middle);
        return Math.abs(now.top + now.height / 2 - middle) < 1 && !head.contains(met);
    }).length;
"""


def test_no_menu_of_a_chart_lies_over_the_head_of_the_page(show):
    page = show()
    assert page.locator(".chart summary").count() > 5
    assert page.evaluate(f"() => {{ {IN_THE_HEAD} }}") == 0
    page.add_style_tag(content=".chart { isolation: auto; }")
    assert page.evaluate(f"() => {{ {IN_THE_HEAD} }}") > 5, "without it they do"


def test_a_phone_sees_all_of_it_without_sliding_sideways(show):
    page = show(language="pt", viewport=PHONE)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for summary in page.locator("details.table > summary").all():
        summary.click()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    beyond = page.evaluate(
        "[...document.querySelectorAll('.chart .role-legend')].filter(one =>"
        " one.getBoundingClientRect().right > one.closest('.chart').getBoundingClientRect().right + 1).length"
    )
    assert beyond == 0, "no legend is cut"
    cut = page.evaluate(
        "[...document.querySelectorAll('.chart svg')].filter(one => one.clientWidth > one.closest('.chart').clientWidth + 1).length"
    )
    assert cut == 0


def test_a_name_that_is_markup_is_text_in_table_chart_and_tooltip(show):
    page = show()
    rows, _ = rows_of(page, 4, "customers_and_statuses")
    assert HOSTILE in [row[1] for row in rows]
    page.locator("[data-series=customers_by_status] svg.marks .mark-rect path").first.hover()
    tooltip = page.locator("#vg-tooltip-element.visible")
    assert HOSTILE in tooltip.inner_text()
    assert page.locator("img").count() == 0


def test_a_click_on_the_legend_leaves_one_group_in_full_colour_and_a_chart_is_saved(show):
    page = show()
    bars = page.locator("[data-series=salespeople] svg.marks .mark-rect path")
    page.locator("[data-series=salespeople] .role-legend-symbol path").first.click()
    page.wait_for_function("document.querySelector('[data-series=salespeople] .mark-rect path[opacity=\"0.15\"]')")
    assert {bar.get_attribute("opacity") for bar in bars.all()} == {"1", "0.15"}
    page.locator("[data-series=salespeople] summary").click()
    with page.expect_download() as saved:
        page.locator("[data-series=salespeople] .vega-actions a").last.click()
    assert saved.value.suggested_filename == "salespeople.png"


def test_sources_say_how_fresh_they_are_in_words(show):
    page = show()
    row = page.locator("tr[data-source='classicmodels.orderdetails']")
    assert "✓ agrees" in row.inner_text()
    assert "✓ up to date" in row.inner_text()
    assert "binlog" in row.inner_text()
    assert page.locator("tr[data-source]").count() == 8
    assert page.locator("#verdict").inner_text() == "All source tables are up to date and reconciled."


def test_columns_are_found_down_to_their_source(show):
    page = show()
    page.fill("#columns input", "ans_sales_by_month units")
    found = page.locator("#columns details[open]")
    assert found.count() == 1
    assert "classicmodels.orderdetails.quantityOrdered" in found.inner_text()
    assert "through fct_order_lines.units" in found.inner_text()
    page.fill("#columns input", "quantityordered")
    assert found.count() == 10, "every answer about sales counts units"
    page.fill("#columns input", "nothing like it")
    assert page.locator("#columns details").count() == 0
