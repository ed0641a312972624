"""The UI as ``make ui`` opens it: lineage, schedule, and a Materialize button that turns green, in a real browser."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from refera_platform.local import stack
from refera_platform.terminal.ui import free_port

REFERA = Path(sys.executable).parent / "refera"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
QUIET_BROWSER = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run", "--disable-component-update",
    "--disable-sync",
]  # fmt: skip


class Ui:
    """A running UI, asked as its own pages ask it."""

    def __init__(self, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}"

    def ask(self, query: str) -> dict[str, Any]:
        request = urllib.request.Request(
            f"{self.address}/graphql",
            json.dumps({"query": query}).encode(),
            {"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read())["data"]

    def wait(self, query: str, until: Callable[[dict[str, Any]], Any], seconds: float = 120) -> Any:
        end = time.monotonic() + seconds
        while True:
            try:
                if found := until(self.ask(query)):
                    return found
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                pass  # it is still starting
            assert time.monotonic() < end, f"the UI never answered {query}"
            time.sleep(0.5)

    def runs(self) -> list[dict[str, Any]]:
        return self.ask("{ runsOrError { ... on Runs { results { runId status tags { key value } } } } }")[
            "runsOrError"
        ]["results"]


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ui]:
    home = tmp_path_factory.mktemp("ui") / "home"
    variables = {**os.environ, "REFERA_HOME": str(home)}
    subprocess.run(
        [str(REFERA), "simulate", "--days", "1", "--scale", "0.3"],
        check=True,
        env=variables,
        capture_output=True,
    )
    port = free_port(28765)
    with (home / "ui.log").open("w") as log:
        process = subprocess.Popen(
            [str(REFERA), "up", "--ui", "--port", str(port)],
            env=variables,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    opened = Ui(port)
    try:
        opened.wait(
            "{ repositoriesOrError { ... on RepositoryConnection { nodes { name } } } }",
            lambda data: data["repositoriesOrError"].get("nodes"),
        )
        yield opened
    finally:
        process.send_signal(signal.SIGTERM)  # a shell in whose background the tests run has SIGINT ignored
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        finally:
            stack.down(home, wipe=True)


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
    found = ui.ask(
        "{ repositoriesOrError { ... on RepositoryConnection { nodes { schedules { name cronSchedule scheduleState { status } } } } } }"
    )
    (node,) = found["repositoriesOrError"]["nodes"]
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
        finished = {"SUCCESS", "FAILURE", "CANCELED"}
        end = time.monotonic() + 180
        while not [one for one in ui.runs() if one["status"] in finished]:
            assert time.monotonic() < end, ui.runs()
            time.sleep(1)
        (one,) = ui.runs()
        page.goto(f"{ui.address}/assets/raw/classicmodels/orders")
        page.get_by_text("rows_agree_with_the_source").or_(page.get_by_text("Row count")).first.wait_for(
            timeout=60_000
        )
        page.screenshot(path=str(tmp_path / "orders.png"))
        browser.close()
    assert one["status"] == "SUCCESS"
    assert (tmp_path / "orders.png").stat().st_size > 10_000
