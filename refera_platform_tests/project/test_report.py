"""A page of the report is read from its yml file, and a mistake in it is named with its file and line."""

import re
from textwrap import dedent

import pytest
import yaml

from refera_platform.errors import SettingError
from refera_platform.project.load import load_project
from refera_platform.project.report import default_report
from refera_platform.project.report_declarations import PageDeclaration
from refera_platform_tests.house.tree import ROOT

pytestmark = pytest.mark.unit

EXPOSURES = """
    models:
      - name: ans_sales
        config: {meta: {refera: {order_by: amount desc}}}
    exposures:
      - name: sales
        label: Sales
        depends_on: [ref('ans_sales'), ref('ans_months')]
        config: {meta: {refera: {number: 1, label: {pt: Vendas}}}}
      - name: stock
        label: Stock
        depends_on: [ref('ans_stock')]
        config: {meta: {refera: {number: 2}}}
"""
CHART = "{name: a, title: A, kind: bar, sql: from t, x: x, y: y}"


@pytest.fixture
def reports(tmp_path):
    """A function that writes pages and loads them."""

    def write(**pages):
        folder = tmp_path / "dbt"
        for each in ("models", "report"):
            (folder / each).mkdir(parents=True, exist_ok=True)
        (folder / "dbt_project.yml").write_text("name: shop\n")
        (folder / "models/shop.yml").write_text(dedent(EXPOSURES), encoding="utf-8")
        for name, text in pages.items():
            (folder / f"report/{name}.yml").write_text(dedent(text), encoding="utf-8")
        return load_project(folder).reports

    return write


def test_pages_come_in_the_order_of_their_names_with_their_sections(reports):
    first, second = reports(
        b="title: {en: B, pt: BB}\nsections: [{question: 2, short: {en: S, pt: E}}, {name: more, title: More}]\n",
        a="title: A\nsections: [{question: sales, title: {en: Sold, pt: Vendido}}]\n",
    )
    assert (first.name, str(first.file), first.page.title.en) == ("a", "dbt/report/a.yml", "A")
    assert [(each.key, each.title.pt, each.short.pt) for each in first.sections] == [("1", "Vendido", "Vendido")]
    assert [(each.key, each.title.en, each.short.in_language("pt")) for each in second.sections] == [
        ("2", "Stock", "E"),
        ("more", "More", "More"),
    ]
    assert (first.answers, second.answers) == (("ans_sales", "ans_months"), ("ans_stock",))


@pytest.mark.parametrize("page", ["title: A\n", "title: A\nsections: []\n"])
def test_a_page_without_sections_has_a_section_for_each_question(reports, page):
    (report,) = reports(a=page)
    assert [(each.key, each.title.pt, [table.of for table in each.said.tables]) for each in report.sections] == [
        ("1", "Vendas", ["ans_sales", "ans_months"]),
        ("2", "Stock", ["ans_stock"]),
    ]
    assert report.sections[0].said.tables[0].order == "amount desc"


def test_a_project_without_pages_has_none_and_its_default_has_every_question(reports, tmp_path):
    assert reports() == ()
    assert [each.key for each in default_report(load_project(tmp_path / "dbt").questions).sections] == ["1", "2"]


def test_the_page_of_the_readme_is_one():
    block = re.search(r"```yaml\n(title:.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert PageDeclaration.model_validate(yaml.safe_load(block[1])).sections[0].charts[0].name == "money_by_status"


def test_editors_can_know_every_field(reports):
    schema = PageDeclaration.model_json_schema()
    assert {"title", "sections", "views"} <= schema["properties"].keys()
    assert {"type": "string"} in schema["properties"]["title"]["anyOf"], "plain text is one"


def test_plain_text_is_english_and_what_is_not_said_in_portuguese_is_english(reports):
    (report,) = reports(a="title: Shop\nnote: {en: Hello}\n")
    assert [report.page.note.in_language(language) for language in ("en", "pt")] == ["Hello", "Hello"]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        pytest.param("sections: []\n", r"dbt/report/a\.yml:1: title: Field required", id="no title"),
        pytest.param("title: A\ntitel: B\n", r"a\.yml:2: titel: Extra inputs are not permitted", id="typing"),
        pytest.param("title: {pt: A}\n", r"a\.yml:1: title\.en: Field required", id="no English"),
        pytest.param("title: {en: no}\n", r"a\.yml:1: title\.en: Input should be a valid string", id="no is a boolean"),
        pytest.param("title: A\ncurrency: dollars\n", r"a\.yml:2: currency: String should match", id="currency"),
        pytest.param("- a\n", r"a\.yml:1: this entry: Input should be a valid dictionary", id="a list"),
        pytest.param(
            "title: A\nsections:\n- question: 7\n",
            r"a\.yml:3: question 7 is not declared: name one of the project's questions: 1 \(sales\), 2 \(stock\)",
            id="question",
        ),
        pytest.param("title: A\nsections:\n- question: true\n", r"a\.yml:3: sections\.0\.question", id="a boolean"),
        pytest.param(
            "title: A\nsections:\n- name: a\n", r"a\.yml:3: sections\.0: say question, or name", id="no title"
        ),
        pytest.param(
            "title: A\nsections:\n- question: 1\n- question: sales\n",
            r"a\.yml:4: section 1 stands at dbt/report/a\.yml:3 too: give it another name",
            id="a question twice",
        ),
        pytest.param(
            f"title: A\nsections:\n- question: 1\n  charts:\n  - {CHART}\n- question: 2\n  charts:\n  - {CHART}\n",
            r"a\.yml:8: chart a stands at dbt/report/a\.yml:5 too",
            id="a chart twice",
        ),
        pytest.param(
            "title: A\nsections:\n- question: 1\n  tables:\n  - of: t\n  - of: t\n",
            r"yml:6: table .* t stands at",
            id="t",
        ),
        pytest.param(
            f"title: A\nsections:\n- question: 1\n  charts:\n  - {CHART.replace(', y: y', '')}\n",
            r"a\.yml:5: sections\.0\.charts\.0: a bar needs y",
            id="a chart without y",
        ),
        pytest.param(
            f"title: A\nsections:\n- question: 1\n  charts:\n  - {CHART.replace('kind: bar', 'kind: pie')}\n",
            r"a\.yml:5: sections\.0\.charts\.0\.kind: Input should be 'bar', 'line'",
            id="another kind",
        ),
        pytest.param(
            f"title: A\nsections:\n- question: 1\n  charts:\n  - {CHART.replace('kind: bar, ', '')}\n",
            r"say either kind or vega_lite",
            id="no kind",
        ),
        pytest.param(
            f"title: A\nsections:\n- question: 1\n  charts:\n  - {CHART.replace('kind: bar', 'kind: bar, vega_lite: {}')}\n",
            r"say either kind or vega_lite",
            id="both",
        ),
        pytest.param(
            f"title: A\nsections:\n- question: 1\n  charts:\n  - {CHART.replace('name: a', 'name: __proto__')}\n",
            r"charts\.0\.name: String should match",
            id="a name that is none",
        ),
        pytest.param(
            "title: A\nsections:\n- question: 1\n  tables:\n  - {name: t}\n", r"say either sql or of", id="no SQL"
        ),
        pytest.param(
            "title: A\nsections:\n- question: 1\n  tables:\n  - {sql: from t}\n", r"needs a name", id="no name"
        ),
        pytest.param(
            "title: A\nsections:\n- question: 1\n  tables:\n  - {of: t, columns: [a], totals: [b]}\n",
            r"columns does not list b",
            id="a total of nothing",
        ),
        pytest.param(
            "title: A\nsections:\n- question: 1\n  tables:\n  - {of: t, columns: [a], pivot: {by: b, value: c}}\n",
            r"the columns of a pivot name its `by`",
            id="a pivot of nothing",
        ),
        pytest.param("title: A\npreview: [b]\n", r"a\.yml:2: there is no chart 'b': name charts", id="preview"),
    ],
)
def test_a_mistake_is_named_with_its_file_and_line(reports, text, error):
    with pytest.raises(SettingError, match=error):
        reports(a=text)
