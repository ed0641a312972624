"""The report's engine names nothing of any business: no table, model or column that a project declares."""

import re
from pathlib import Path

import pytest

from refera_platform.project.load import load_project, read_report_files, read_yaml_files
from refera_platform_tests.house.tree import PACKAGE, ROOT, name

pytestmark = pytest.mark.unit

ENGINE = (PACKAGE / "answers", PACKAGE / "project")
DBT = ROOT / "dbt"
PUBLISHED_SOURCE = "published"
"""The dbt source of what the publication before holds."""
PLATFORM = re.compile(r"refera|stg_refera__\w+")
"""Sources and models of dbt that hold what the platform itself wrote."""


def declared_names(entry: dict) -> set[str]:
    """An entry's name, its tables, and its columns with a name of several words; one word alone is plain English."""
    columns = {each["name"] for each in entry.get("columns") or () if "_" in each["name"]}
    return {entry["name"], *columns, *(each["name"] for each in entry.get("tables") or ())}


def business_names() -> set[str]:
    """Names of databases, tables, models, columns, views and charts."""
    entries = [
        entry
        for file in read_yaml_files(DBT)
        for kind in ("models", "sources")
        for entry in file.content.get(kind) or ()
    ]
    own = {each for entry in entries if PLATFORM.fullmatch(entry["name"]) for each in declared_names(entry)}
    names = {each for entry in entries for each in declared_names(entry)}
    for report in load_project(DBT).reports:
        names |= {each for each in (*report.page.views, *report.page.columns) if "_" in each}
        names |= {chart.name for section in report.sections for chart in section.said.charts if "_" in chart.name}
    return names - own - {PUBLISHED_SOURCE}


def named(text: str, names: set[str]) -> set[str]:
    return set(re.findall(r"\w+", text)) & names


def files() -> list[Path]:
    return sorted(path for folder in ENGINE for path in folder.rglob("*") if path.suffix in {".py", ".js", ".html"})


def test_the_engine_names_nothing_of_a_business() -> None:
    names = business_names()
    assert {"ans_time_to_ship", "classicmodels", "orderdetails", "sales_amount", "best_products"} <= names
    found = {name(path): met for path in files() if (met := named(path.read_text(), names))}
    assert found == {}


def test_a_name_of_a_business_is_seen() -> None:
    assert named('"select sales_amount from ans_sales_by_month"', business_names()) == {
        "sales_amount",
        "ans_sales_by_month",
    }


def test_no_field_of_a_declaration_is_a_boolean_to_yaml() -> None:
    """YAML 1.1 reads ``on``, ``yes`` and ``no`` as booleans: a key of that name would never arrive as text."""
    for file in (*read_report_files(DBT), *read_yaml_files(DBT)):
        keys = {key for key_path in file.lines for key in key_path if isinstance(key, str)}
        assert not keys & {"on", "off", "yes", "no", "true", "false", "On", "Off", "Yes", "No", "True", "False"}
