"""The UI as ``make ui`` opens it: lineage, schedule, and a Materialize button that turns green, in a real browser."""

import re
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from refera_platform.settings.stage import CHECKOUT_FOLDER
from refera_platform_tests.ui import Ui, business, served

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SHOTS = CHECKOUT_FOLDER / "build" / "screenshots"
QUIET_BROWSER = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ui]:
    with business(tmp_path_factory.mktemp("ui") / "home") as home, served(home) as (opened, _):
        yield opened


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET_BROWSER)
        yield opened
        opened.close()


@pytest.fixture
def page(browser) -> Iterator[Any]:
    opened = browser.new_page(viewport={"width": 1600, "height": 1000})
    opened.set_default_timeout(60_000)
    yield opened
    opened.close()


def test_the_lineage_goes_from_eight_raw_tables_to_the_answers_and_their_report(ui):
    nodes = ui.ask("{ assetNodes { assetKey { path } groupName isPartitioned dependencyKeys { path } } }")["assetNodes"]
    parents = {
        "/".join(node["assetKey"]["path"]): ["/".join(key["path"]) for key in node["dependencyKeys"]] for node in nodes
    }
    assert len([name for name in parents if name.startswith("raw/classicmodels/")]) == 8
    assert len([name for name in parents if name.startswith("answers/ans_")]) == 13
    assert "answers/ans_time_to_ship" in parents["answers/report"]
    assert all(node["isPartitioned"] for node in nodes if node["assetKey"]["path"][0] == "raw")
    assert parents["staging/stg_classicmodels__orders"] == ["raw/classicmodels/orders"]
    assert "warehouse/fct_order_lines" in parents["answers/ans_sales_by_product"]


def test_the_daily_schedule_is_on(ui):
    (node,) = ui.loaded()
    schedules = {one["name"]: (one["cronSchedule"], one["scheduleState"]["status"]) for one in node["schedules"]}
    assert schedules["close_yesterday"] == ("30 0 * * *", "RUNNING")


def kept(page, name):
    """A screenshot among the artifacts of the tests, for people to look at."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(SHOTS / f"{name}.png"))
    assert (SHOTS / f"{name}.png").stat().st_size > 10_000


def test_the_materialize_button_of_a_raw_table_turns_green(ui, page):
    page.goto(f"{ui.address}/assets/raw/classicmodels/orders")
    page.get_by_role("button", name="Materialize").first.click()
    page.get_by_text("Latest", exact=True).first.click()
    page.get_by_role("button", name="Launch").last.click()

    def pressed():
        return [one for one in ui.runs() if "dagster/partition" in one["tags"]]

    (one,) = ui.wait(pressed, "the run")
    assert ui.finished(one["runId"]) == "SUCCESS", [
        event["message"] for event in ui.events(one["runId"]) if "FAILURE" in str(event["eventType"])
    ]
    page.goto(f"{ui.address}/assets/raw/classicmodels/orders?view=checks")
    page.get_by_text("rows_agree_with_the_source").first.wait_for()
    kept(page, "materialized")


def test_the_lineage_page_draws_the_way_from_orders_to_the_sales_by_product(ui, page):
    page.goto(f"{ui.address}/assets/raw/classicmodels/orders?view=lineage&lineageScope=downstream&lineageDepth=6")
    for name in ("stg_.*orders", "fct_order_lines", "ans_.*by_product", "report"):
        page.get_by_text(re.compile(f"^{name}$")).first.wait_for()
    kept(page, "lineage")


def test_a_failing_check_is_seen_with_its_reason(ui, page):
    assert ui.finished(ui.launch([], {}, job="look_for_overdue_days")) == "SUCCESS"
    page.goto(f"{ui.address}/assets/raw/classicmodels/payments?view=checks&checkDetail=newest_due_day_is_captured")
    page.get_by_text(
        re.compile("classicmodels.payments: day .* was due, and no day has been captured")
    ).first.wait_for()
    page.get_by_text("Failed", exact=True).first.wait_for()
    kept(page, "failing_check")


def test_schedules_and_sensors_are_shown_as_on(ui, page):
    page.goto(f"{ui.address}/automation")
    for name in ("close_yesterday", "look_for_overdue_days_hourly", "run_again_what_failed", "alerts"):
        page.get_by_text(name, exact=True).first.wait_for()
    kept(page, "automation")
    (node,) = ui.loaded()
    assert {one["sensorState"]["status"] for one in node["sensors"]} == {"RUNNING"}
