"""A project is read from dbt's yml files, and a mistake in them is named with its file and line."""

from datetime import timedelta
from textwrap import dedent

import pytest

from refera_platform.errors import SettingError
from refera_platform.project.load import load_project
from refera_platform.project.model import AnswerTable, Mirror
from refera_platform.source.table import Grouping, Strategy

pytestmark = pytest.mark.unit

SOURCES = """
    sources:
      - name: shop
        config: {meta: {refera: {owner: team:shop, due_hours: 8, strategy: compare}}}
        tables:
          - name: orders
            description: Orders of customers.
            config: {meta: {refera: {key: [id], strategy: log, amount: [total]}}}
          - name: Order Lines
            description: >-
              Lines of
              each order.
            config:
              meta:
                refera:
                  key: [order_id, line]
                  private: [note]
                  hashed: [phone]
                  due_hours: 2.5
                  owner: ana@shop.example
                  preview: false
                  groupings:
                    - {name: month, column: placed_on, of: orders, join: [order_id, id], month: true}
          - name: visits
            description: Visits.
            config: {meta: {refera: {key: [id], strategy: cursor, cursor: seen_at, overlap_hours: 3}}}
          - name: events
            description: Events.
            config: {meta: {refera: {key: [id], strategy: cursor, cursor: id, overlap: 100}}}
      - name: of_dbt_alone
        tables: [{name: anything}]
"""
MODELS = """
    models:
      - name: fct_orders
        config:
          meta:
            refera:
              mirrors:
                table: shop.orders
                columns: {id: order_id, total: amount}
                as_typed: [status]
                where: order_id > 0
      - name: ans_sales
        config: {meta: {refera: {order_by: amount desc}, other: 1}}
      - name: ans_other
"""
EXPOSURES = """
    exposures:
      - name: second
        label: Late orders
        depends_on: [ref('ans_other')]
        config: {meta: {refera: {number: 2}}}
      - name: first
        label: Sales
        depends_on: ['ref("ans_sales")', "ref('ans_other')", "source('shop', 'orders')"]
        config: {meta: {refera: {number: 1, label: {pt: Vendas}}}}
      - name: a_dashboard
        depends_on: [ref('ans_sales')]
"""


@pytest.fixture
def project(tmp_path):
    """A function that writes a project and loads it."""

    def write(**files):
        folder = tmp_path / "dbt"
        (folder / "models/deep").mkdir(parents=True, exist_ok=True)
        (folder / "dbt_project.yml").write_text("name: shop\nmodel-paths: [models]\n")
        for name, text in files.items():
            (folder / f"models/deep/{name}.yml").write_text(dedent(text), encoding="utf-8")
        return load_project(folder)

    return write


def test_tables_are_read_with_the_defaults_of_their_source(project):
    orders, lines, visits, events = project(sources=SOURCES).tables
    assert (orders.address, orders.key, orders.strategy) == ("shop.orders", ("id",), Strategy.LOG)
    assert (orders.owner, orders.due, orders.amount) == ("team:shop", timedelta(hours=8), ("total",))
    assert (lines.address, lines.key, lines.strategy) == ("shop.Order Lines", ("order_id", "line"), Strategy.COMPARE)
    assert (lines.private, lines.hashed) == ({"note"}, {"phone"})
    assert (lines.owner, lines.due, lines.is_previewed) == ("ana@shop.example", timedelta(hours=2.5), False)
    assert lines.groupings == (
        Grouping(name="month", column="placed_on", of="orders", on=("order_id", "id"), is_month=True),
    )
    assert lines.about == "Lines of each order."
    assert (visits.cursor, visits.overlap) == ("seen_at", timedelta(hours=3))
    assert (events.cursor, events.overlap) == ("id", 100)


def test_questions_come_in_the_order_of_their_numbers_with_the_models_they_depend_on(project):
    first, second = project(models=MODELS, exposures=EXPOSURES).questions
    assert (first.number, first.english, first.portuguese) == (1, "Sales", "Vendas")
    assert first.answers == (
        AnswerTable(model="ans_sales", order_by="amount desc"),
        AnswerTable(model="ans_other"),
    )
    assert (second.english, second.portuguese) == ("Late orders", "Late orders")


def test_a_model_says_which_table_it_mirrors(project):
    assert project(models=MODELS).mirrors == (
        Mirror(
            table="shop.orders",
            model="fct_orders",
            columns={"id": "order_id", "total": "amount"},
            as_typed_columns=frozenset({"status"}),
            where="order_id > 0",
        ),
    )


def test_a_project_without_declarations_is_empty(project):
    found = project(nothing="", blank="# only a comment\n", other="version: 2\nseeds: []\n")
    assert (found.tables, found.questions, found.mirrors, found.databases) == ((), (), (), ())
    with pytest.raises(SettingError, match="choose from no table"):
        found.find_table("orders")


def test_a_table_is_found_by_its_name_or_its_address(project):
    found = project(sources=SOURCES)
    assert found.find_table("visits") is found.find_table("shop.visits") is found.tables[2]
    assert found.databases == ("shop",)
    assert found.tables_of("shop") == found.tables
    with pytest.raises(SettingError, match=r"'nowhere' is not one declared table: choose from shop\.orders, "):
        found.find_table("nowhere")


def table(said, name="t", more=""):
    return f"""
        sources:
          - name: shop
            tables:
              - name: {name}
                description: A table.
                config:
                  meta:
                    refera: {said}
        {more}
    """


@pytest.mark.parametrize(
    ("text", "error"),
    [
        pytest.param(table("{}"), r"dbt/models/deep/it\.yml:9: key: Field required", id="no key"),
        pytest.param(table("{key: []}"), r":9: key: List should have at least 1 item", id="empty key"),
        pytest.param(table("{key: id}"), r":9: key: Input should be a valid list", id="key is no list"),
        pytest.param(table("{key: [id], startegy: log}"), r":9: startegy: Extra inputs are not permitted", id="typing"),
        pytest.param(table("{key: [id], strategy: cdc}"), r":9: strategy: Input should be 'log', 'comp", id="strategy"),
        pytest.param(table("{key: [id], due_hours: soon}"), r":9: due_hours: Input should be a valid number", id="due"),
        pytest.param(table("{key: [id], private: [id]}"), r":5: .*marks a key column as private: a row must", id="key"),
        pytest.param(table("{key: [id], owner: somebody}"), r":5: .* has owner 'somebody': write team:", id="owner"),
        pytest.param(table("{key: [id], strategy: cursor}"), r":5: .*strategy cursor and cursor ''", id="cursor"),
        pytest.param(
            table("{key: [id], groupings: [{name: g, column: c, of: other}]}"),
            r":5: the grouping 'g' of shop\.t is by a column of other, which is not declared",
            id="grouping of another",
        ),
        pytest.param(
            table("{key: [id], hashed: [c], groupings: [{name: g, column: c}]}"),
            r":5: .*hides c, by which",
            id="hashed",
        ),
        pytest.param(
            table("{key: [id]}")
            + table("{key: [id]}", "T").replace("sources:", "").replace("\n          - name", "\n          - name"),
            r"it\.yml:\d+: shop\.T is declared at dbt/models/deep/it\.yml:5 too: keep one",
            id="twice",
        ),
        pytest.param(
            "sources:\n- name: shop\n  config: {meta: {refera: {due_hours: 3}}}\n  tables: [{name: t}]\n",
            r"it\.yml:4: table t does not say how it is copied: add config",
            id="says nothing",
        ),
        pytest.param("models:\n- name: m\n  config: {meta: {refera: {mirror: {}}}}\n", r"yml:3: mirror: Extra", id="m"),
        pytest.param(
            "exposures:\n- name: e\n  config: {meta: {refera: {number: 1}}}\n", r"yml:2: question 1 depends", id="e"
        ),
        pytest.param("a: [1, 2\nb: 3\n", r"it\.yml:2 is not YAML", id="no YAML"),
        pytest.param("a: !!python/object/apply:os.system [ls]\n", r"it\.yml:1 is not YAML", id="an object of Python"),
        pytest.param("a: 1\n---\nb: 2\n", r"is not YAML", id="two documents"),
        pytest.param("a: &a [1, *a]\n", None, id="an anchor in itself"),
        pytest.param("- 1\n- 2\n", None, id="a list"),
        pytest.param("sources: 7\n", r"it\.yml:1: sources is not a list of entries", id="a number"),
        pytest.param("models: {a: b}\n", r"it\.yml:1: models is not a list", id="a mapping"),
        pytest.param("exposures: [a]\n", r"it\.yml:1: exposures is not a list", id="a list of words"),
        pytest.param("exposures:\nmodels: []\n", None, id="nothing in it"),
        pytest.param(
            "a: &a ["
            + "x, " * 50
            + "]\nb: &b ["
            + "*a, " * 50
            + "]\nc: &c ["
            + "*b, " * 50
            + "]\nd: ["
            + "*c, " * 50
            + "]\n",
            r"it\.yml holds more than 200000 values: divide it",
            id="aliases without end",
        ),
    ],
)
def test_a_mistake_is_named_with_its_file_and_line(project, text, error):
    if error is None:
        assert project(it=text).tables == ()
        return
    with pytest.raises(SettingError, match=error):
        project(it=text)


def test_two_questions_of_one_number_are_refused(project):
    with pytest.raises(SettingError, match=r"dbt/models/deep/it\.yml:7: question 1 is declared twice"):
        project(it=EXPOSURES.replace("number: 2", "number: 1"))


def test_a_folder_that_is_no_project_is_refused(tmp_path):
    with pytest.raises(SettingError, match=r"is not a dbt project \(it has no dbt_project\.yml\)"):
        load_project(tmp_path)
