"""The documents that are published with a build: dbt's page opens anywhere, and tells nothing of the machine."""

import json
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from refera_platform.lake.objects import ObjectRoot
from refera_platform.settings.stage import CHECKOUT_FOLDER
from refera_platform.warehouse.catalogs.dbt_docs import (
    DOCS_CATALOG_KEY,
    DOCS_MANIFEST_KEY,
    DOCS_PAGE_KEY,
    LINEAGE_KEY,
    BuiltModels,
    docs_page,
    public_catalog,
    public_manifest,
    publish_docs,
)
from refera_platform.warehouse.catalogs.lineage import ColumnReference, Lineage
from refera_platform.warehouse.dbt_manifest import quiet_flags
from refera_platform_tests.warehouse.conftest import BuiltShop
from refera_platform_tests.warehouse.shop import PROJECT

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
QUIET_BROWSER = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
]
MODELS = CHECKOUT_FOLDER / "dbt/models"


@pytest.fixture
def root(stage) -> ObjectRoot:
    return ObjectRoot(stage.warehouse, stage.store)


@pytest.fixture(scope="module")
def built(built_shop: BuiltShop) -> BuiltModels:
    return BuiltModels(sql=built_shop.sql, columns=built_shop.columns, lineage=built_shop.lineage)


def stored(root: ObjectRoot, key: str) -> str:
    found = root.read(key)
    assert found is not None
    return found[0].decode()


def folders(built_shop: BuiltShop) -> list[Path]:
    return [CHECKOUT_FOLDER, built_shop.warehouse.database.parent, Path.home()]


def test_four_documents_are_published_and_a_browser_knows_what_they_are(root, built, built_shop):
    lineage = publish_docs(root, built_shop.manifest, built)
    assert {item.key for item in root.list()} == {DOCS_PAGE_KEY, DOCS_MANIFEST_KEY, DOCS_CATALOG_KEY, LINEAGE_KEY}
    assert lineage == built_shop.lineage == Lineage.from_json(stored(root, LINEAGE_KEY))
    bucket, _, prefix = root.root.removeprefix("s3://").partition("/")
    kinds = {
        key: root._client.head_object(Bucket=bucket, Key=f"{prefix}/{key}")["ContentType"]
        for key in (DOCS_PAGE_KEY, LINEAGE_KEY)
    }
    assert kinds == {DOCS_PAGE_KEY: "text/html; charset=utf-8", LINEAGE_KEY: "application/json"}


def test_documents_that_say_it_already_are_not_written_again(root, built, built_shop):
    publish_docs(root, built_shop.manifest, built)
    first = {item.key: item.modified_at for item in root.list()}
    time.sleep(1.1)  # the store tells seconds
    publish_docs(root, built_shop.manifest, built)
    assert {item.key: item.modified_at for item in root.list()} == first
    publish_docs(root, built_shop.manifest, replace(built, columns={**built.columns, "fct_payments": {"a": "BIGINT"}}))
    again = {item.key: item.modified_at for item in root.list()}
    assert {key for key, at in again.items() if at != first[key]} == {DOCS_CATALOG_KEY, DOCS_PAGE_KEY}


def test_no_document_names_a_folder_or_a_user_of_this_machine(root, built, built_shop):
    here = str(built_shop.warehouse.database.parent)
    spoken = {
        **built.sql,
        "fct_payments": f"select * from '{here}/x.parquet', '{CHECKOUT_FOLDER}/y', 'mysql://ada:hush@host/db'",
    }
    assert here in json.dumps(built_shop.manifest)
    publish_docs(root, built_shop.manifest, replace(built, sql=spoken), private_folders=folders(built_shop))
    for key in (DOCS_PAGE_KEY, DOCS_MANIFEST_KEY, DOCS_CATALOG_KEY, LINEAGE_KEY):
        text = stored(root, key)
        assert [place for place in (here, str(CHECKOUT_FOLDER), str(Path.home()), "ada:hush") if place in text] == []
    metadata = json.loads(stored(root, DOCS_MANIFEST_KEY))["metadata"]
    assert set(metadata) == {
        "dbt_schema_version",
        "dbt_version",
        "generated_at",
        "project_name",
        "send_anonymous_usage_stats",
        "adapter_type",
        "quoting",
    }
    assert metadata["send_anonymous_usage_stats"] is False


def test_the_catalogue_is_the_one_that_dbt_would_write(built, built_shop):
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    database = built_shop.warehouse.database
    folder = str(database.parent / "target")
    arguments = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT), "--target-path", folder]
    try:
        generated = dbtRunner().invoke(
            [
                "docs",
                "generate",
                "--no-compile",
                *quiet_flags(database.parent),
                *arguments,
                "--vars",
                f"{{database_file: {database}}}",
            ]
        )
    finally:
        DuckDBConnectionManager.close_all_connections()
    assert generated.success, generated.exception
    theirs = json.loads((database.parent / "target/catalog.json").read_text())
    ours = public_catalog(built_shop.manifest, built.columns, {})
    for entry in theirs["sources"].values():
        entry["metadata"]["type"] = "VIEW"  # in a build they are; in the shop they are tables
    assert (ours["nodes"], ours["sources"], ours["errors"]) == (
        theirs["nodes"],
        theirs["sources"],
        theirs["errors"],
    )
    assert set(ours["metadata"]) <= set(theirs["metadata"])


def test_a_build_of_some_models_keeps_what_is_known_of_the_others(root, built, built_shop):
    publish_docs(root, built_shop.manifest, built)
    paid = {"payment_amount": (ColumnReference("somewhere", "else"),)}
    some = BuiltModels(
        sql={"fct_payments": "select 1 as changed"},
        columns={"fct_payments": {"payment_amount": "BIGINT"}},
        lineage=Lineage(models={"fct_payments": paid}),
    )
    whole = publish_docs(root, built_shop.manifest, some)
    assert whole.models == {**built_shop.lineage.models, "fct_payments": paid}
    nodes = json.loads(stored(root, DOCS_MANIFEST_KEY))["nodes"]
    assert nodes["model.refera.fct_payments"]["compiled_code"] == "select 1 as changed"
    assert nodes["model.refera.fct_orders"]["compiled_code"] == built.sql["fct_orders"]
    entries = json.loads(stored(root, DOCS_CATALOG_KEY))["nodes"]
    assert list(entries["model.refera.fct_payments"]["columns"]) == ["payment_amount"]
    assert list(entries["model.refera.fct_orders"]["columns"]) == list(built.columns["fct_orders"])


def test_sql_of_a_model_that_was_edited_since_is_not_shown_as_its_own(root, built, built_shop):
    publish_docs(root, built_shop.manifest, built)
    edited = json.loads(json.dumps(built_shop.manifest))
    edited["nodes"]["model.refera.fct_orders"]["checksum"]["checksum"] = "another"
    publish_docs(root, edited, BuiltModels(sql={}, columns={}, lineage=Lineage(models={})))
    nodes = json.loads(stored(root, DOCS_MANIFEST_KEY))["nodes"]
    assert "compiled" not in nodes["model.refera.fct_orders"]
    assert nodes["model.refera.fct_payments"]["compiled_code"] == built.sql["fct_payments"]


def test_documents_that_are_not_ours_are_replaced(root, built, built_shop):
    for key in (DOCS_MANIFEST_KEY, DOCS_CATALOG_KEY, LINEAGE_KEY):
        root.write(key, b"[1, 2")
    whole = publish_docs(root, built_shop.manifest, BuiltModels(sql={}, columns={}, lineage=Lineage(models={})))
    assert whole.models == {}
    assert json.loads(stored(root, DOCS_CATALOG_KEY))["nodes"] == {}


@pytest.fixture(scope="module")
def opened(built: BuiltModels, built_shop: BuiltShop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The page in a browser without a network, opened from a file; it has written what it asked for and complained of."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    sql = {**built.sql, "fct_payments": "select '</script><script>alert(1)</script>' as x -- <!-- <script>"}
    manifest = public_manifest(built_shop.manifest, sql, [])
    path = tmp_path_factory.mktemp("page") / "index.html"
    path.write_text(docs_page(manifest, public_catalog(built_shop.manifest, built.columns, {})))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET_BROWSER)
        tab = browser.new_context(offline=True, viewport={"width": 1600, "height": 1000}).new_page()
        tab.wrongs = []
        tab.asked = []
        tab.on("pageerror", lambda error: tab.wrongs.append(str(error)))
        tab.on("dialog", lambda dialog: (tab.wrongs.append(dialog.message), dialog.dismiss()))
        tab.on("request", lambda request: tab.asked.append(request.url))
        tab.address = path.as_uri()
        yield tab
        browser.close()


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("model.refera.fct_payments", ["payment_amount", "DECIMAL(18,2)", "Referenced By"]),
        ("model.refera.ans_sales_by_month", ["order_month", "sales_amount"]),
        ("source.refera.classicmodels.orders", ["shippedDate", "_op"]),
        ("exposure.refera.report", ["The report"]),
    ],
)
def test_the_page_opens_from_a_file_without_a_network_and_shows(opened, built_shop, key: str, shown: list[str]) -> None:
    opened.goto(f"{opened.address}#!/{key.partition('.')[0]}/{key}")
    documented = {
        **built_shop.manifest["nodes"],
        **built_shop.manifest["sources"],
        **built_shop.manifest["exposures"],
    }
    for text in (documented[key]["description"].partition("`")[0][:60].strip(), *shown):
        opened.get_by_text(text).first.wait_for(timeout=30_000)
    assert opened.wrongs == []
    assert [url[:80] for url in opened.asked if not url.startswith(("file:", "data:"))] == []


def test_the_page_begins_with_what_the_warehouse_is(opened) -> None:
    opened.goto(f"{opened.address}#!/overview")
    opened.get_by_text("What the business did, as a star schema").first.wait_for(timeout=30_000)
    assert opened.wrongs == []


def test_the_report_s_exposure_reads_every_answer(built_shop):
    exposures = built_shop.manifest["exposures"]
    answers = {key for key in built_shop.manifest["nodes"] if key.startswith("model.refera.ans_")}
    assert len(answers) == 13
    assert set(exposures["exposure.refera.report"]["depends_on"]["nodes"]) == answers
    questions = [exposure for exposure in exposures.values() if exposure["name"].startswith("question_")]
    assert len(questions) == 7
    assert {node for each in questions for node in each["depends_on"]["nodes"]} == answers
    assert all(exposure["description"] and exposure["label"] for exposure in exposures.values())


def written_descriptions() -> Iterator[tuple[str, str]]:
    """Each description of a model, a source or a column as it is written, once however often an alias repeats it."""
    for path in sorted(MODELS.rglob("*.yml")):
        seen: set[int] = set()
        waiting: list[tuple[yaml.Node, bool]] = [(yaml.compose(path.read_text()), False)]
        while waiting:
            node, is_test = waiting.pop()
            if id(node) in seen:
                continue
            seen.add(id(node))
            if isinstance(node, yaml.SequenceNode):
                waiting += [(each, is_test) for each in node.value]
            elif isinstance(node, yaml.MappingNode):
                for key, value in node.value:
                    if key.value == "description" and not is_test and id(value) not in seen:
                        seen.add(id(value))
                        yield path.name, value.value
                    waiting.append((value, is_test or key.value in {"data_tests", "unit_tests"}))


def test_a_description_is_written_once():
    blocks = {
        name: " ".join(text.split())
        for path in MODELS.rglob("*.md")
        for name, text in re.findall(r"{% docs (\w+) %}(.*?){% enddocs %}", path.read_text(), re.DOTALL)
    }
    asked = [doc for _, text in written_descriptions() for doc in re.findall(r"doc\(.(\w+).\)", text)]
    plain = [text.strip() for _, text in written_descriptions() if "doc(" not in text]
    assert {text for text in plain if plain.count(text) > 1} == set(), "write it as a docs block, or anchor it"
    assert set(plain) & set(blocks.values()) == set(), "ask for the docs block that says it already"
    assert len(set(blocks.values())) == len(blocks)
    assert set(blocks) - {"__overview__"} == set(asked), "a docs block that nobody asks for, or one that is not there"
