"""The dbt project keeps its word on a small invented shop: green as a whole, layered, described, able to fail."""

import re
import shutil
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from refera_platform.warehouse.build.collations import define_folding_macro
from refera_platform_tests.checkout import find_table
from refera_platform_tests.warehouse.shop import AWKWARD, COLUMNS, PROJECT, SHOP, Warehouse, dbt, lake, parsed
from refera_platform_tests.warehouse.source_figures import GROUPS, MONEY

SALES = "orders, order_lines, units, sales_amount, cancelled_amount"
MONTH, DAY = (
    "month_name_en, month_name_pt",
    "month_name_en, month_name_pt, weekday_name_en, weekday_name_pt",
)
ANSWERS = {
    "ans_sales_by_product": f"product_code, product_name, product_line, {SALES}",
    "ans_sales_by_product_line": f"product_line, {SALES}",
    "ans_sales_by_order_date": f"order_date, {SALES}, {DAY}",
    "ans_sales_by_month": f"order_year, order_month, {SALES}, {MONTH}",
    "ans_sales_by_product_and_month": f"product_code, product_name, product_line, order_year, order_month, {SALES},"
    f" {MONTH}",
    "ans_sales_by_product_line_and_month": f"product_line, order_year, order_month, {SALES}, {MONTH}",
    "ans_sales_by_salesperson": "employee_number, first_name, last_name, office_code, office_city, manager_number,"
    f" {SALES}",
    "ans_sales_by_person": f"employee_number, first_name, last_name, {SALES}",
    "ans_average_payment_by_customer_and_date": "customer_number, customer_name, payment_date, payments,"
    f" total_amount, average_amount, {DAY}",
    "ans_sales_by_customer_and_status": f"customer_number, customer_name, order_status, {SALES}",
    "ans_time_to_ship": "order_number, customer_number, order_status, order_date, required_date, shipped_date,"
    " days_to_ship, shipped_late, order_month_name_en, order_month_name_pt, order_weekday_name_en,"
    " order_weekday_name_pt",
    "ans_sales_by_manager_and_cities": "manager_number, customer_country, customer_state, customer_city, office_city,"
    f" {SALES}",
    "ans_stock_by_product_and_month": "product_code, product_name, product_line, stock_year, stock_month,"
    f" quantity_in_stock, stock_value_at_cost, stock_date, is_complete_month, {MONTH}",
}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return parsed(tmp_path_factory.mktemp("parse"))


@pytest.fixture(scope="module")
def shop(manifest: Any, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    return dbt(lake(tmp_path_factory.mktemp("shop"), SHOP), "build", manifest=manifest)


def _models(manifest: Any) -> list[Any]:
    return [node for node in manifest.nodes.values() if node.resource_type == "model"]


def test_the_whole_build_is_green_and_warns_of_nothing(shop: Warehouse, manifest: Any) -> None:
    expected = [*manifest.nodes.values(), *manifest.unit_tests.values()]
    assert shop.not_green() == set()
    assert {node.name for node in expected} <= set(shop.status)
    assert len(manifest.unit_tests) >= 15


def test_an_empty_lake_builds_empty_tables_and_the_unknown_members(manifest: Any, tmp_path: Path) -> None:
    built = dbt(lake(tmp_path, {}), "build", "--exclude-resource-type", "unit_test", manifest=manifest)
    assert built.not_green() == set()
    assert built.rows("select customer_key, customer_number from dim_customer") == [(-1, None)]
    assert built.rows("select date_key, date_day from dim_date") == [(-1, None)]
    assert built.rows("select count(*) from fct_order_lines") == [(0,)]


def test_awkward_facts_warn_and_keep_their_money(manifest: Any, tmp_path: Path) -> None:
    built = dbt(lake(tmp_path, AWKWARD), "build", "--exclude-resource-type", "unit_test", manifest=manifest)
    assert built.not_green() == {
        "order_lines_are_never_negative",
        "orders_ship_on_or_after_the_order_date",
        "stock_is_never_negative",
        "order_statuses_are_known",
        "fct_order_lines_knows_its_order_customer_and_product",
    }
    assert {built.status[name] for name in built.not_green()} == {"warn"}
    sold = "select product_code, product_name, sales_amount from ans_sales_by_product order by 1"
    assert built.rows(sold) == [
        ("P1", "P1", Decimal("122.98")),
        ("P2", "P2", Decimal("5.55")),
        ("P9", None, Decimal("7.00")),
    ]
    far = "select date_key from dim_date where date_day < date '2003-01-01' or date_day > date '2026-12-31' order by 1"
    assert built.rows(far) == [(19000101,), (99991231,)]


def test_one_dimension_builds_alone_with_the_tests_it_can_answer(manifest: Any, tmp_path: Path) -> None:
    chosen = [
        "dim_customer",
        "int_customer_history",
        "int_customer_versions",
        "int_employee_history",
        "int_employee_versions",
        "stg_classicmodels__customers",
        "stg_classicmodels__customer_changes",
        "stg_classicmodels__employee_changes",
    ]
    built = dbt(lake(tmp_path, SHOP), "build", "--select", *chosen, manifest=manifest)
    assert built.not_green() == set()
    assert {*chosen, "dim_customer_has_every_customer"} <= set(built.status)


def test_auckland_with_blanks_is_one_city_and_a_rep_who_left_keeps_the_old_sales(shop: Warehouse) -> None:
    assert shop.rows("select * from ans_sales_by_manager_and_cities order by customer_city") == [
        (11, "New Zealand", None, "Auckland", "Paris", 2, 3, 4, Decimal("35.54"), Decimal("0.00")),
        (11, "France", None, "Nantes", "Paris", 1, 1, 3, Decimal("99.99"), Decimal("0.00")),
    ]


def test_stock_is_told_by_month_and_a_deleted_product_leaves_its_past(shop: Warehouse) -> None:
    assert shop.rows(
        "select * exclude (stock_year_month, month_name_en) from ans_stock_by_product_and_month order by 4, 5, 1"
    ) == [
        ("P1", "P1", "Ships", 2026, 11, 5, Decimal("7.50"), date(2026, 11, 30), True, "novembro"),
        ("P2", "P2", "Planes", 2026, 11, 8, Decimal("12.00"), date(2026, 11, 30), True, "novembro"),
        ("P3", "P3", "Ships", 2026, 11, 2, Decimal("3.00"), date(2026, 11, 30), True, "novembro"),
        ("P1", "P1", "Ships", 2026, 12, 4, Decimal("6.00"), date(2026, 12, 2), False, "dezembro"),
        ("P2", "P2", "Planes", 2026, 12, 8, Decimal("12.00"), date(2026, 12, 2), False, "dezembro"),
    ]


def test_time_to_ship_tells_late_from_not_yet(shop: Warehouse) -> None:
    assert shop.rows(
        "select order_number, order_status, days_to_ship, shipped_late from ans_time_to_ship order by 1"
    ) == [
        (100, "Shipped", 4, False),
        (101, "In Process", None, True),
        (102, "Shipped", 26, True),
        (104, "Shipped", None, None),
    ]


def test_an_average_is_a_decimal_of_six_places(shop: Warehouse) -> None:
    averages = shop.rows("select payments, average_amount from ans_average_payment_by_customer_and_date")
    assert averages == [(3, Decimal("0.006667"))]


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_has_exactly_the_columns_of_the_contract(shop: Warehouse, answer: str) -> None:
    columns = [row[0] for row in shop.rows(f"describe {answer}")]
    if columns[-1].endswith("_year_month"):
        columns.pop()  # names the object that a row is in
    assert columns == ANSWERS[answer].split(", ")


def test_there_is_an_answer_for_every_name_in_the_contract(manifest: Any) -> None:
    assert {node.name for node in _models(manifest) if node.name.startswith("ans_")} == set(ANSWERS)


def test_what_is_published_holds_no_float_and_no_type_wider_than_a_reader_knows(shop: Warehouse) -> None:
    kinds = shop.rows(
        "select distinct data_type from information_schema.columns"
        " where table_schema = 'main' and not starts_with(table_name, 'stg_')"
    )
    known = {
        "VARCHAR",
        "INTEGER",
        "BIGINT",
        "BOOLEAN",
        "DATE",
        "DECIMAL(18,2)",
        "DECIMAL(20,6)",
        "TIMESTAMP WITH TIME ZONE",
    }
    assert {kind for (kind,) in kinds} - known == set()


def test_every_description_begins_with_the_grain(manifest: Any) -> None:
    ours = [source for source in manifest.sources.values() if "refera" not in source.config.meta]
    described = [*_models(manifest), *ours]
    assert [node.name for node in described if not node.description.startswith("One row per ")] == []


def test_every_column_is_described_and_every_described_column_exists(shop: Warehouse, manifest: Any) -> None:
    for model in _models(manifest):
        built = {row[0] for row in shop.rows(f"describe {model.name}")}
        assert built == set(model.columns), model.name
        assert all(column.description for column in model.columns.values()), model.name


def test_a_column_name_means_the_same_in_every_model(manifest: Any) -> None:
    said: dict[str, set[str]] = {}
    for model in _models(manifest):
        for column in model.columns.values():
            said.setdefault(column.name, set()).add(column.description)
    assert {name: texts for name, texts in said.items() if len(texts) > 1} == {}


def test_every_case_in_a_model_has_a_unit_test(manifest: Any) -> None:
    tested = {node.model for node in manifest.unit_tests.values()}
    with_case = {model.name for model in _models(manifest) if re.search(r"\bcase\b", model.raw_code)}
    assert with_case
    assert with_case - tested == set()
    macros = {name: text for name, text in _macros() if re.search(r"\bcase\b", text)}
    calling = {
        name: {model.name for model in _models(manifest) if re.search(rf"\b{name}\(", model.raw_code)} & tested
        for name in macros
        if not name.startswith(("spark__", "snowflake__"))
    }
    # what only dbt's tests are made of has its twins here: test_each_answer_is_what_the_source_itself_answers
    checks = "\n".join(path.read_text() for path in (PROJECT / "tests").rglob("*.sql"))
    of_checks = {name for name in calling if re.search(rf"\b{name}\(", checks)}
    assert {name for name, models in calling.items() if not models} == of_checks == {"folded_by_kind"}


def _macros() -> list[tuple[str, str]]:
    """Name and text of each macro of ours."""
    text = "\n".join(path.read_text() for path in sorted((PROJECT / "macros").glob("*.sql")))
    return re.findall(r"{%-? macro (\w+)\(.*?%}(.*?){%-? endmacro", text, re.DOTALL)


MAY_READ = {
    "staging": {"source", "staging"},
    "intermediate": {"staging", "intermediate"},
    "marts": {"staging", "intermediate"},
    "answers": {"marts"},
}
PREFIXES = {"staging": "stg_", "intermediate": "int_", "marts": ("dim_", "fct_"), "answers": "ans_"}


@pytest.mark.parametrize("folder", MAY_READ)
def test_a_layer_reads_only_the_layers_below_it(manifest: Any, folder: str) -> None:
    models = [model for model in _models(manifest) if model.fqn[1] == folder]
    assert models
    for model in models:
        # any layer may continue from the previous publication
        parents = [manifest.nodes.get(parent) for parent in model.depends_on.nodes if ".published." not in parent]
        read = {parent.fqn[1] if parent else "source" for parent in parents}
        assert read <= MAY_READ[folder], model.name
        assert model.name.startswith(PREFIXES[folder])
        assert {"staging": "staging", "answers": "answers"}.get(folder, "warehouse") == model.config.group


def test_what_is_read_of_the_previous_publication_is_declared_stored_and_read(manifest: Any) -> None:
    declared = {source.unique_id: source for source in manifest.sources.values() if source.source_name == "published"}
    read = {parent for node in manifest.nodes.values() for parent in node.depends_on.nodes}
    assert declared.keys() - read == set()
    published = {model.name for model in _models(manifest) if model.fqn[1] in {"marts", "answers"}}
    states = {model.name for model in _models(manifest) if model.config.meta.get("is_state")}
    assert {source.name for source in declared.values()} - published - states == {"kept_totals"}


def test_staging_recognises_a_row_by_the_key_that_its_source_declares(manifest: Any) -> None:
    declared = {
        source.name: source.config.meta["refera"]["key"]
        for source in manifest.sources.values()
        if source.source_name == "classicmodels"
    }
    assert set(declared) == set(COLUMNS)
    for table, key in declared.items():
        code = manifest.nodes[f"model.refera.stg_classicmodels__{table}"].raw_code
        used = re.search(r"newest_changes\([^\[]*key=\[([^\]]*)\]", code)
        assert used
        cleaned = [re.sub("([A-Z])", r"_\1", name).lower() for name in key]
        assert re.findall(r"'(\w+)'", used[1]) in (key, cleaned)


WRONGS = {
    "fct_order_lines_adds_up_to_staging": "update fct_order_lines set sales_amount = sales_amount + 0.01",
    "fct_orders_adds_up_to_its_lines": "update fct_orders set units = units + 1 where order_number = 100",
    "fct_orders_has_every_order": "delete from fct_orders where order_number = 104",
    "fct_payments_adds_up_to_staging": "delete from fct_payments where check_number = 'Z'",
    "fct_stock_daily_ends_with_the_present_stock": "update fct_stock_daily set quantity_in_stock = 99",
    "dim_customer_has_every_customer": "delete from dim_customer where customer_number = 2",
    "unique_combination_of_columns_dim_product_product_key": "insert into dim_product select * from dim_product",
    "fct_payments_points_at_members_that_exist": "update fct_payments set customer_key = 7",
    "versions_follow_one_another_dim_customer_customer_number": "update dim_customer set version_number = 3 where customer_number = 3 and version_number = 2",
    "fct_orders_reconciles_with_the_source": "update stg_refera__captured_days set lake_rows = 77",
    "fct_payments_reconciles_with_the_source": "update stg_refera__captured_days set database_name = 'another' where table_name = 'payments'",
    "fct_orders_points_at_versions_that_were_valid": "update fct_orders set customer_key = (select max(customer_key) from dim_customer where is_current and customer_number = 3)",
    "dates_occur_at_least_once": "update int_dates_that_occur set occurrences = 0",
    "statuses_are_met_at_least_once": "update int_order_statuses_met set orders = -1",
    **{
        f"{answer}_adds_up": f"delete from {answer} where rowid = (select max(rowid) from {answer})"
        for answer in ANSWERS
    },
    "ans_time_to_ship_adds_up": "delete from ans_time_to_ship where order_number = 100",
}


@pytest.fixture(scope="module")
def spoilt(shop: Warehouse, manifest: Any, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """The shop's warehouse with every wrong done to it at once, and its tests run again."""
    database = tmp_path_factory.mktemp("spoilt") / shop.database.name
    shutil.copy(shop.database, database)
    with duckdb.connect(database) as connection:
        for wrong in WRONGS.values():
            connection.execute(wrong)
    return dbt(database, "test", "--exclude-resource-type", "unit_test", manifest=manifest)


@pytest.mark.parametrize("name", WRONGS)
def test_a_wrong_total_or_key_is_seen(spoilt: Warehouse, name: str) -> None:
    assert spoilt.status[name] == "fail"


def test_a_group_that_drifts_below_nothing_is_shown_and_red(shop: Warehouse, manifest: Any, tmp_path: Path) -> None:
    """A build that follows the changes starts from a published answer of which two groups are wrong, and the sum right."""
    answer = "ans_sales_by_product_line"
    database = tmp_path / shop.database.name
    shutil.copy(shop.database, database)
    with duckdb.connect(database) as connection:
        connection.execute("create schema published")
        for name in ("fct_order_lines", "dim_order_status", "dim_product", answer):
            connection.execute(f"create table published.{name} as from main.{name}")
        for line, more in (("Planes", -7), ("Ships", 7)):
            connection.execute(
                f"update published.{answer} set orders = orders + ?, order_lines = order_lines + ? where product_line = ?",
                [more, more, line],
            )
    built = dbt(database, "build", "--select", answer, "--exclude-resource-type", "unit_test", manifest=manifest)
    assert (built.status[answer], built.status[f"{answer}_adds_up"]) == ("success", "fail")
    assert built.rows(f"select product_line, order_lines from {answer} order by 1") == [
        ("Planes", -6),
        ("Ships", 10),
    ]


IN_GROUPS = {
    "ans_sales_by_product",
    "ans_sales_by_order_date",
    "ans_sales_by_month",
    "ans_sales_by_product_and_month",
    "ans_sales_by_product_line_and_month",
    "ans_sales_by_customer_and_status",
    "ans_time_to_ship",
    "ans_average_payment_by_customer_and_date",
    "ans_stock_by_product_and_month",
}
IS_LARGEST = "row_number() over (partition by table_name, group_kind order by row_count desc, group_value) = 1"


@pytest.mark.parametrize(
    ("rows", "cents", "groups", "wrong"),
    [
        pytest.param(0, 0, "", lambda answer: False, id="the same"),
        pytest.param(1, 0, "", lambda answer: True, id="a row more at the source"),
        pytest.param(0, 1, "", lambda answer: answer != "ans_time_to_ship", id="a cent more at the source"),
        pytest.param(
            0,
            0,
            "update {groups} set group_value = 'another' where rowid in (select rowid from {groups} qualify {largest})",
            lambda answer: answer in IN_GROUPS,
            id="a group is another at the source",
        ),
        pytest.param(
            0,
            0,
            "update {groups} set is_whole = false;"
            " delete from {groups} where rowid not in (select rowid from {groups} qualify {largest})",
            lambda answer: False,
            id="more groups than were asked for",
        ),
    ],
)
def test_each_answer_is_what_the_source_itself_answers(
    shop: Warehouse, manifest: Any, tmp_path: Path, rows: int, cents: int, groups: str, wrong: Callable[[str], bool]
) -> None:
    database = tmp_path / shop.database.name
    shutil.copy(shop.database, database)
    with duckdb.connect(database) as connection:
        define_folding_macro(connection, find_table("orders"), "status", "utf8mb4_general_ci")
        for table, sql in MONEY.items():
            count, money = connection.execute(sql).fetchone() or (0, None)
            asked = None if money is None else money + Decimal(cents) / 100
            connection.execute(
                "update stg_refera__captured_days set lake_rows = ?, source_rows = ?, source_money = ?"
                " where table_name = ?",
                [count, count + rows, asked, table],
            )
        for (table, kind), (value, money, relation) in GROUPS.items():
            connection.execute(
                "insert into stg_refera__source_groups select 'classicmodels', ?, (select max(captured_on)"
                f" from stg_refera__captured_days where table_name = ?), ?, {value}, count(*), {money}, true"
                f" from {relation} group by all",
                [table, table, kind],
            )
        if groups:
            connection.execute(groups.format(groups="stg_refera__source_groups", largest=IS_LARGEST))
    told = dbt(
        database,
        "test",
        "--select",
        *(f"{answer}_equals_the_source" for answer in ANSWERS),
        manifest=manifest,
    )
    assert {answer: told.status[f"{answer}_equals_the_source"] for answer in ANSWERS} == {
        answer: "fail" if wrong(answer) else "pass" for answer in ANSWERS
    }
