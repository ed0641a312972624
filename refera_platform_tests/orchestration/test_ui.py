"""The UI as ``make ui`` opens it: lineage, schedule, and a Materialize button that turns green, in a real browser."""

import shutil
from collections.abc import Iterator

import pytest

from refera_platform_tests.ui import Ui, business, served

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
QUIET_BROWSER = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run", "--disable-component-update",
    "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ui]:
    with business(tmp_path_factory.mktemp("ui") / "home") as home, served(home) as (opened, _):
        yield opened


def test_the_lineage_goes_from_eight_raw_tables_to_ten_answers_and_their_report(ui):
    nodes = ui.ask("{ assetNodes { assetKey { path } groupName isPartitioned dependencyKeys { path } } }")[
        "assetNodes"
    ]
    parents = {
        "/".join(node["assetKey"]["path"]): ["/".join(key["path"]) for key in node["dependencyKeys"]]
        for node in nodes
    }
    assert len([name for name in parents if name.startswith("raw/classicmodels/")]) == 8
    assert len([name for name in parents if name.startswith("answers/ans_")]) == 10
    assert "answers/ans_time_to_ship" in parents["answers/report"]
    assert all(node["isPartitioned"] for node in nodes if node["assetKey"]["path"][0] == "raw")
    assert parents["staging/stg_classicmodels__orders"] == ["raw/classicmodels/orders"]
    assert "warehouse/fct_order_lines" in parents["answers/ans_sales_by_product"]


def test_the_daily_schedule_is_on(ui):
    (node,) = ui.loaded()
    schedules = {
        one["name"]: (one["cronSchedule"], one["scheduleState"]["status"]) for one in node["schedules"]
    }
    assert schedules["close_yesterday"] == ("30 0 * * *", "RUNNING")


def test_the_materialize_button_of_a_raw_table_turns_green(ui, tmp_path):
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET_BROWSER)
        page = browser.new_page(viewport={"width": 1600, "height": 1000})
        page.goto(f"{ui.address}/assets/raw/classicmodels/orders")
        page.get_by_role("button", name="Materialize").first.click(timeout=60_000)
        page.get_by_text("Latest", exact=True).first.click(timeout=60_000)
        page.get_by_role("button", name="Launch").last.click(timeout=60_000)
        (one,) = ui.wait(ui.runs, "the run")
        status = ui.finished(one["runId"])
        page.goto(f"{ui.address}/assets/raw/classicmodels/orders")
        page.get_by_text("rows_agree_with_the_source").or_(page.get_by_text("Row count")).first.wait_for(
            timeout=60_000
        )
        page.screenshot(path=str(tmp_path / "orders.png"))
        browser.close()
    assert status == "SUCCESS"
    assert (tmp_path / "orders.png").stat().st_size > 10_000
