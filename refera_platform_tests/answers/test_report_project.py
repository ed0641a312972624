"""Another business has a page by declaring it: the engine draws what is declared, and names what is wrong in it."""

import json
import re
from dataclasses import replace

import pytest

from refera_platform.answers.report.charts import chart_specifications
from refera_platform.answers.report.figures import read_figures
from refera_platform.answers.report.page_queries import read_models
from refera_platform.answers.report.publish import (
    REPORT_PAGE_KEY,
    REPORT_PREVIEW_KEY,
    page_keys,
    pages,
    publish_reports,
    read_published_page,
)
from refera_platform.errors import QueryError, SettingError, WarehouseError
from refera_platform.project.report_declarations import LANGUAGES
from refera_platform_tests.answers.library import HOSTILE, PAGE, publish_library, write_library
from refera_platform_tests.local_stack import own_stage


@pytest.fixture(scope="module")
def library(home, tmp_path_factory):
    """The stage of a library whose two tables are published."""
    stage = own_stage(home)
    publish_library(stage, tmp_path_factory.mktemp("library"))
    return stage


def figures_of(stage, project):
    (report,) = pages(project)
    return read_figures(stage, project, report)


def rows(table):
    return [dict(zip([column.name for column in table.columns], row, strict=True)) for row in table.rows]


def test_a_page_is_drawn_from_its_declaration(library, tmp_path):
    figures = figures_of(library, write_library(tmp_path))
    assert figures.headline == {"loans": 5, "fees": "10.85", "first_day": "2026-01-05", "fee_per_loan": "2.17"}
    assert figures.sentences == {"1": [{"count": 1}, None], "about": []}
    assert figures.series["fees_by_month"] == [
        {"month": "2026-01-01T00:00:00", "genre": "Novel", "fee": 0.25},
        {"month": "2026-01-01T00:00:00", "genre": "Sci-Fi", "fee": 1.5},
        {"month": "2026-02-01T00:00:00", "genre": "Sci-Fi", "fee": 0.1},
        {"month": "2026-02-01T00:00:00", "genre": None, "fee": 2.0},
    ]
    assert [row["title"] for row in figures.series["top_titles"]] == [HOSTILE, "Dune", "Emma"]
    branches, genres = figures.tables["1"]
    assert [(column.name, column.kind) for column in branches.columns] == [
        ("branch", "text"),
        ("loans", "integer"),
        ("fees", "amount"),
    ]
    assert (branches.rows, branches.total, branches.row_count) == (
        [[None, 1, "7.00"], ["South", 2, "2.10"]],
        [None, 5, "10.85"],
        3,
    )
    assert rows(genres) == [
        {"genre": None, "2026-02": 1, "2026-01": None, "fee": "2.00"},
        {"genre": "Sci-Fi", "2026-02": 40, "2026-01": 3, "fee": "1.60"},
        {"genre": "Novel", "2026-02": None, "2026-01": 9, "fee": "0.25"},
    ]
    assert genres.total == [None, 41, 12, "3.85"]
    assert [column.kind for column in figures.tables["about"][0].columns][:2] == ["id", "text"]


def test_every_kind_of_chart_is_valid_vega_lite_in_both_languages(tmp_path):
    (report,) = write_library(tmp_path).reports
    for language in LANGUAGES:
        assert len(chart_specifications(report, language, validate=True)) == 7
    assert read_models(report) == {"fct_loans", "ans_loans_by_branch"}


@pytest.mark.parametrize("whole", ["mark: pointt", "hconcat: 7", "mark: {type: [x]}"])
def test_a_whole_specification_that_is_none_of_vega_lite_is_named(tmp_path, whole):
    (report,) = write_library(tmp_path, PAGE.replace("mark: point\n", f"{whole}\n")).reports
    with pytest.raises(SettingError, match=r"^dbt/report/library\.yml, chart whole: vega_lite is no specification of"):
        chart_specifications(report, "en")


def test_a_browser_draws_it_and_its_texts_are_text(library, tmp_path, show_file):
    project = write_library(tmp_path)
    (published,) = publish_reports(library, project)
    assert published.preview.startswith(b"\x89PNG")
    page = read_published_page(library)
    assert HOSTILE not in page
    assert page.count("</script>") == 3
    shown = show_file(page)
    assert shown.title() == "Library </script>"
    for name in ("fees_by_month", "loans_by_day", "top_titles", "by_genre", "days_out", "genres", "whole"):
        assert shown.locator(f"[data-series={name}] svg.marks path").count() > 0, name
    assert shown.locator("[data-tile=fee_per_loan] .figure").inner_text() == "2.17"
    assert shown.locator("[data-tile=loans] .aside").inner_text() == "since 5 Jan 2026"
    assert shown.locator("[data-sentence]:visible").all_inner_texts() == ["1 loans are dated too late."]
    assert "Others" in shown.locator("[data-series=genres]").text_content()
    assert "(none)" in shown.locator("[data-series=fees_by_month]").text_content()
    shown.locator("[data-table=genres] summary").click()
    assert shown.locator("[data-table=genres] th").all_inner_texts() == ["Genre", "Feb 2026", "Jan 2026", "Fees paid"]
    shown.click("[data-language=pt]")
    shown.wait_for_selector("html[data-ready*=pt]")
    assert shown.title() == "Biblioteca"
    assert shown.locator("#h1").inner_text().endswith("Empréstimos por filial")
    assert shown.locator("#habout").inner_text() == "About us", "what is not said in Portuguese stays English"
    assert shown.locator("[data-table=genres] th").last.inner_text() == "Taxas pagas"


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        pytest.param(
            "sum(fee) as fee from by_month",
            "sum(fees) as fee from by_month",
            r'^dbt/report/library\.yml, section 1, chart fees_by_month: Binder Error: Referenced column "fees" not found'
            r" in FROM clause: correct its SQL\.$",
            id="an unknown column",
        ),
        pytest.param(
            "from by_month group",
            "form by_month group",
            r"^dbt/report/library\.yml, section 1, chart fees_by_month: Parser Error: [^\n]*: correct its SQL\.$",
            id="no SQL",
        ),
        pytest.param(
            "select title, days from dated",
            "drop table fct_loans",
            r"^dbt/report/library\.yml, section 1, chart whole: Parser Error: Only SELECT statements",
            id="a statement that writes",
        ),
        pytest.param(
            "select title, days from dated",
            "select title, $when from dated",
            r"^dbt/report/library\.yml, section 1, chart whole: Invalid Input Error: .*when",
            id="an unknown parameter",
        ),
        pytest.param(
            "select title, days from dated",
            "select * from read_csv('/etc/passwd')",
            r"^dbt/report/library\.yml, section 1, chart whole: Permission Error",
            id="a file of the machine",
        ),
        pytest.param(
            "x: days, y: loans",
            "x: daze, y: loans",
            r"section 1, chart days_out: its SQL has no column daze: name one of days, outcome, loans\.$",
            id="a column of a chart",
        ),
        pytest.param(
            "columns: [genre, month,",
            "columns: [genres, month,",
            r"section 1, table genres: Binder Error: Referenced column \"genres\"",
            id="a column of a table",
        ),
        pytest.param(
            "order: loan_id",
            "order: nothing",
            r"section about, table loans: Binder Error: Referenced column \"nothing\"",
            id="an order",
        ),
        pytest.param(
            "name: fee_per_loan, kind",
            "name: fee_per_day, kind",
            r"library\.yml, headline: there is no number fee_per_day: name one of loans, fees, first_day, fee_per_loan",
            id="a number of the headline",
        ),
        pytest.param(
            "select 1 as one where false",
            "from dated",
            r"section 1, sentence: its SQL gives 4 rows: make it give one row",
            id="a sentence of several rows",
        ),
        pytest.param(
            "select max(lent_on) from",
            "select max(lent) from",
            r"library\.yml, chart_window: Binder Error",
            id="the window",
        ),
        pytest.param(
            "dated: select * from fct_loans",
            "dated: select * from by_month",
            r"section 1, chart fees_by_month: The views (by_month, dated|dated, by_month) read each other: correct its",
            id="views in a circle",
        ),
        pytest.param(
            "by_month: select date_trunc(",
            "by_month: select date_trunk(",
            r"section 1, chart fees_by_month: Catalog Error: Scalar Function with name date_trunk does not exist",
            id="a view",
        ),
    ],
)
def test_what_is_wrong_in_a_page_is_one_sentence_with_its_file_and_part(library, tmp_path, old, new, error):
    assert old in PAGE
    with pytest.raises(QueryError, match=error) as raised:
        figures_of(library, write_library(tmp_path, PAGE.replace(old, new)))
    assert "\n" not in str(raised.value)


def test_values_of_rows_do_not_reach_alerts(library, tmp_path):
    page = PAGE.replace("select title, days from dated", "select title::int as title, days from dated")
    with pytest.raises(QueryError, match="Could not convert string 'Dune'") as raised:
        figures_of(library, write_library(tmp_path, page))
    assert raised.value.public_problem.startswith("dbt/report/library.yml, section 1, chart whole: The query failed")
    assert "Dune" not in raised.value.public_problem


def test_a_table_that_was_never_published_is_named(library, tmp_path):
    page = PAGE.replace("from fct_loans where lent_on >", "from fct_visits where lent_on >")
    with pytest.raises(
        WarehouseError, match=r"The report \(dbt/report/library\.yml\) reads fct_visits, which was never"
    ):
        figures_of(library, write_library(tmp_path, page))


@pytest.mark.parametrize(
    "page", ["title: Library\nsections: []\n", "title: Library\n", ""], ids=["[]", "none", "no page"]
)
def test_a_page_without_sections_has_every_question_with_its_answers_as_tables(library, tmp_path, show_file, page):
    project = write_library(tmp_path, page)
    figures = figures_of(library, project)
    assert [(key, [table.name for table in tables]) for key, tables in figures.tables.items()] == [
        ("1", ["ans_loans_by_branch"])
    ]
    assert [row["fees"] for row in rows(figures.tables["1"][0])] == ["7.00", "2.10", "1.75"]
    (published,) = publish_reports(library, project)
    assert published.preview == b""
    shown = show_file(read_published_page(library))
    shown.locator("[data-table=ans_loans_by_branch] summary").click()
    assert shown.locator("[data-table] thead th").first.inner_text() == "Branch"


def test_a_page_of_a_project_without_questions_still_has_its_sources(library, tmp_path, show_file):
    publish_reports(library, replace(write_library(tmp_path, ""), questions=()))
    assert show_file(read_published_page(library)).locator("#sources h2").count() == 1


def test_every_further_page_has_a_key_of_its_own(library, tmp_path):
    write_library(tmp_path)
    (tmp_path / "dbt/report/staff.yml").write_text("title: Staff\nsections: [{name: a, title: Nobody}]\n")
    project = write_library(tmp_path)
    first, second = project.reports
    assert page_keys(project, first) == (REPORT_PAGE_KEY, REPORT_PREVIEW_KEY)
    assert page_keys(project, second) == ("report/staff.html", "report/staff.png")
    assert [each.url.removeprefix(library.warehouse) for each in publish_reports(library, project)] == [
        "/report/index.html",
        "/report/staff.html",
    ]
    content = re.search(r'id="content">(.*?)</script>', read_published_page(library, "report/staff.html"), re.DOTALL)
    assert json.loads(content[1])["tables"] == {"a": []}
