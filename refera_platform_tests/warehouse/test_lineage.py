"""What a column is made of: hand-checked on small SQL, whole on the dbt project, and never an error of a build."""

import json
import time

import pytest

from refera_platform.warehouse.catalogs.lineage import ColumnReference, Lineage, trace_lineage
from refera_platform_tests.warehouse.conftest import BuiltShop

COLUMNS = {"a": ["X", "y", "xs"], "shop.b": ["x", "Z"]}
ORDERS, LINES, PAYMENTS = "classicmodels.orders", "classicmodels.orderdetails", "classicmodels.payments"


def made_of(sql: str) -> dict[str, list[str]]:
    """Each column of the SQL and what it is made of, as ``relation.column``."""
    lineage = trace_lineage({"m": sql}, COLUMNS)
    assert lineage.problems == {}
    return {name: [f"{one.relation}.{one.column}" for one in all_] for name, all_ in lineage.models["m"].items()}


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select x, y as z from main.a", {"x": ["a.X"], "z": ["a.y"]}),
        ('select "X" from "warehouse"."main"."a"', {"x": ["a.X"]}),
        ("select x + y as s, x as p, p + 1 as q from main.a", {"s": ["a.X", "a.y"], "p": ["a.X"], "q": ["a.X"]}),
        ("select * exclude (xs) replace (x + y as x) from main.a", {"x": ["a.X", "a.y"], "y": ["a.y"]}),
        ("from shop.b", {"x": ["shop.b.x"], "z": ["shop.b.Z"]}),
        ("with b as (select * from shop.b), c as (select z as x from b) select x from c", {"x": ["shop.b.Z"]}),
        ("with a as (select z as x from shop.b) select x from a", {"x": ["shop.b.Z"]}),
        ("with c(p) as (select x from main.a) select p from c", {"p": ["a.X"]}),
        ("select t.x from (select y as x from main.a) as t", {"x": ["a.y"]}),
        ("(select x from main.a)", {"x": ["a.X"]}),
        ("select x from main.a union all select z from shop.b", {"x": ["a.X", "shop.b.Z"]}),
        (
            "select x from main.a except (select x from shop.b union select z from shop.b)",
            {"x": ["a.X", "shop.b.Z", "shop.b.x"]},
        ),
        (
            "select x from main.a union all by name select z, x from shop.b",
            {"x": ["a.X", "shop.b.x"], "z": ["shop.b.Z"]},
        ),
        (
            "with recursive r(p, q) as (select x, y from main.a union all select q, p from r where p < 3)"
            " select * from r",
            {"p": ["a.X", "a.y"], "q": ["a.X", "a.y"]},
        ),
        ("select t.y from main.a as t inner join shop.b as o on t.x = o.x where o.z > 1", {"y": ["a.y"]}),
        ("select x, z from main.a left join shop.b using (x)", {"x": ["a.X", "shop.b.x"], "z": ["shop.b.Z"]}),
        (
            "select t.x, o.z from main.a as t asof left join shop.b as o on t.y >= o.x",
            {"x": ["a.X"], "z": ["shop.b.Z"]},
        ),
        (
            "select t.* from main.a as t anti join shop.b as o on t.x = o.x",
            {"x": ["a.X"], "y": ["a.y"], "xs": ["a.xs"]},
        ),
        ("select t.x, u.v from main.a as t cross join unnest(t.xs) as u(v)", {"x": ["a.X"], "v": ["a.xs"]}),
        ("select unnest(xs) as v from main.a", {"v": ["a.xs"]}),
        (
            "select cast(d.day as date) as day from main.a as t"
            " cross join unnest(generate_series(t.x, t.y, interval 1 day)) as d(day)",
            {"day": ["a.X", "a.y"]},
        ),
        ("select g.n + t.y as m from main.a as t, generate_series(1, t.x) as g(n)", {"m": ["a.X", "a.y"]}),
        ("select n from main.a as t, lateral (select t.x + 1 as n) as l", {"n": ["a.X"]}),
        ("select v.k from (values (1, 2)) as v(k, l)", {"k": []}),
        ("select 1 as one, null as n, current_date as d", {"one": [], "n": [], "d": []}),
        (
            "select count(*) as n, count(distinct x) as d, sum(y) filter (where xs is null) as s from main.a",
            {"n": [], "d": ["a.X"], "s": ["a.xs", "a.y"]},
        ),
        (
            "select x, sum(y) as total from main.a group by x having max(xs) > 1 order by max(xs)",
            {"x": ["a.X"], "total": ["a.y"]},
        ),
        ("select row_number() over (partition by x order by y) as n from main.a", {"n": ["a.X", "a.y"]}),
        ("select sum(y) over w as s from main.a window w as (partition by x)", {"s": ["a.X", "a.y"]}),
        ("select y from main.a qualify row_number() over (partition by x order by xs) = 1", {"y": ["a.y"]}),
        ("select case when x > 1 then y else 0 end as c from main.a", {"c": ["a.X", "a.y"]}),
        (
            "select (select max(z) from shop.b where b.x = a.y) as m, exists(select z from shop.b where b.x = a.y) as e,"
            " y in (select x from shop.b) as i from main.a",
            {"m": ["shop.b.Z"], "e": [], "i": ["a.y", "shop.b.x"]},
        ),
        ("select s.k from (select struct_pack(k := x) as s from main.a)", {"k": ["a.X"]}),
        (
            "select list_transform(xs, lambda e: e + x) as t, [v + y for v in xs] as l from main.a",
            {"t": ["a.X", "a.xs"], "l": ["a.xs", "a.y"]},
        ),
        (
            "select * from published.a union all select x, y, xs from main.a",
            {"x": ["a.X"], "y": ["a.y"], "xs": ["a.xs"]},
        ),
        ("select x from published.m union all select x from main.a", {"x": ["a.X"]}),
    ],
)
def test_a_column_is_made_of(sql: str, expected: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(COLUMNS, "published.m", ["x"])
    assert made_of(sql) == expected


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("selec x frm main.a", "Invalid expression"),
        ("select x from main.nothing_we_know", "could not be resolved"),
        ("select nope from main.a", "could not be resolved"),
        ("select r.* from read_parquet('x') as r", "the columns behind * are not known"),
        ("select columns('x.*') from main.a", "are not known"),
        ("insert into main.a select 1", "it is no select"),
        ("select * from (pivot main.a on x using sum(y)) as p", "sqlglot fails on it"),
    ],
)
def test_sql_that_does_not_tell_is_a_problem_and_no_error(sql: str, why: str) -> None:
    lineage = trace_lineage({"m": sql, "good": "select x from main.a"}, COLUMNS)
    assert list(lineage.models) == ["good"]
    assert why in lineage.problems["m"]


def test_columns_are_told_in_the_spelling_and_number_of_the_table() -> None:
    tables = {**COLUMNS, "m": ["Total"]}
    assert trace_lineage({"m": "select x as total from main.a"}, tables).models["m"] == {
        "Total": (ColumnReference("a", "X"),)
    }
    assert trace_lineage({"m": "select x as total, y from main.a"}, tables).problems == {
        "m": "its SQL gives total, y, and its table has Total"
    }


def test_a_partial_build_keeps_what_is_known_of_the_other_models() -> None:
    kept, old, new = ({"x": (ColumnReference("a", name),)} for name in ("kept", "old", "new"))
    before = Lineage(models={"kept": kept, "built": old, "gone": old, "failed": old})
    now = Lineage(models={"built": new}, problems={"failed": "it is no select"})
    assert now.with_previous(before, {"kept", "built", "failed"}).models == {"kept": kept, "built": new}


def test_the_text_reads_back_and_is_what_the_report_expects() -> None:
    lineage = trace_lineage({"m": "select y as units, 1 as one from main.a"}, COLUMNS)
    assert json.loads(lineage.to_json())["models"] == {"m": {"units": [{"relation": "a", "column": "y"}], "one": []}}
    assert Lineage.from_json(lineage.to_json()) == lineage


@pytest.mark.parametrize("text", ["", "[]", '{"models": {"m": 1}}', '{"models": {"m": {"x": [{"other": 1}]}}}'])
def test_a_text_that_is_none_of_ours_is_a_problem_and_no_error(text: str) -> None:
    read = Lineage.from_json(text)
    assert (read.models, list(read.problems)) == ({}, ["lineage.json"])


def test_every_column_of_every_model_has_its_lineage(built_shop: BuiltShop) -> None:
    assert built_shop.lineage.problems == {}
    told = {model: list(columns) for model, columns in built_shop.lineage.models.items()}
    assert told == {model: list(built_shop.columns[model]) for model in built_shop.sql}


def test_every_way_ends_at_a_column_of_a_source(built_shop: BuiltShop) -> None:
    for model, columns in built_shop.lineage.models.items():
        for column in columns:
            for origin in built_shop.lineage.source_columns(model, column):
                assert "." in origin.relation
                assert origin.column in built_shop.columns[origin.relation]


def test_what_is_made_of_nothing_is_counted_or_written_down(built_shop: BuiltShop) -> None:
    bare = {name for columns in built_shop.lineage.models.values() for name, above in columns.items() if not above}
    assert {"order_lines", "payments"} <= bare
    assert bare & {"sales_amount", "units", "customer_name", "order_status"} == set()


@pytest.mark.parametrize(
    ("model", "column", "sources"),
    [
        ("ans_sales_by_month", "sales_amount", {(LINES, "quantityOrdered"), (LINES, "priceEach")}),
        ("ans_sales_by_product", "units", {(LINES, "quantityOrdered")}),
        ("ans_time_to_ship", "days_to_ship", {(ORDERS, "orderDate"), (ORDERS, "shippedDate")}),
        ("ans_average_payment_by_customer_and_date", "average_amount", {(PAYMENTS, "amount")}),
        ("ans_sales_by_customer_and_status", "order_status", {(ORDERS, "status")}),
    ],
)
def test_an_answer_goes_down_to_the_source(
    built_shop: BuiltShop, model: str, column: str, sources: set[tuple[str, str]]
) -> None:
    found = built_shop.lineage.source_columns(model, column)
    assert sources <= {(origin.relation, origin.column) for origin in found}
    assert {origin.relation for origin in found} == {relation for relation, _ in sources}


def test_the_whole_project_takes_less_than_three_seconds(built_shop: BuiltShop) -> None:
    started = time.process_time()
    trace_lineage(built_shop.sql, built_shop.columns)
    assert time.process_time() - started < 3
