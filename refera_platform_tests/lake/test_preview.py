"""Ten rows for people: what is private is not read, and no value can break the page that shows it."""

import re
from dataclasses import replace
from datetime import date, timedelta

import duckdb
import pytest

from refera_platform.duckdb_session.scratch import scratch_folder
from refera_platform.duckdb_session.session import open_duckdb_session
from refera_platform.lake.lake import Lake
from refera_platform.lake.links import object_console_url, object_page_url
from refera_platform.lake.preview import hidden_columns, preview_newest_changes, preview_rows
from refera_platform.orchestration.metadata.bar_chart import ChartLayer, ChartPanel, abbreviate_number, render_chart
from refera_platform.orchestration.metadata.day_history import DayFigures, history_chart, history_sparkline, recent_days
from refera_platform.orchestration.metadata.preview_table import escape_markdown, preview_markdown
from refera_platform.settings.object_store import ObjectStore
from refera_platform_tests.business import TODAY
from refera_platform_tests.checkout import find_table
from refera_platform_tests.local_stack import captured

HOSTILE = [
    "a | b",
    "line\nbreak",
    "`code`",
    "<script>alert(1)</script>",
    "[x](javascript:alert(1))",
    "*bold* _it_ ~~s~~",
    "\\",
    "https://evil.example/?a=b",
    "www.evil.example",
    "mail@evil.example",
    "\N{RIGHT-TO-LEFT OVERRIDE}abc",
    "&amp;",
]


@pytest.fixture
def memory():
    with duckdb.connect() as connection:
        yield connection


def shown(memory, values, hidden=(), kind="VARCHAR"):
    memory.execute(f"create or replace table t (n integer, v {kind})")
    for n, value in enumerate(values):
        memory.execute("insert into t values (?, ?)", [n, value])
    return preview_markdown(preview_rows(memory, "t", {"n": "INTEGER", "v": kind}, hidden, order="order by n"))


@pytest.mark.parametrize("value", HOSTILE)
def test_a_value_is_shown_as_it_is_and_does_nothing(memory, value):
    markdown_it = pytest.importorskip("markdown_it")
    html = markdown_it.MarkdownIt("gfm-like", {"linkify": False, "html": True}).render(shown(memory, [value]))
    cells = re.findall(r"<td>(.*?)</td>", html)
    assert len(cells) == 2, "one row of two cells"
    assert not re.search(r"<(?!/?t)[a-z]", html), "no markup but the table's own"
    assert "://" not in escape_markdown(value)
    assert not re.search(r"www\.|@[a-z]", escape_markdown(value))


def test_null_empty_long_and_binary_are_told_apart(memory):
    text = shown(memory, [None, "", "NULL", "x" * 100])
    cells = [line.split(" | ")[1].removesuffix(" |") for line in text.splitlines()[2:]]
    assert cells == ["*NULL*", "*empty*", "NULL", "x" * 40 + "…"]
    binary = shown(memory, [b"\x89PNG", bytes(50)], kind="BLOB")
    assert "0x89504E47 |" in binary
    assert "0x" + "00" * 12 + "… &#40;50 bytes&#41;" in binary


def test_no_rows_and_many_columns_are_said(memory):
    assert shown(memory, []) == "No rows."
    memory.execute(f"create table w as select {', '.join(f'{n} as c{n}' for n in range(45))}")
    assert preview_markdown(preview_rows(memory, "w", {f"c{n}": "INTEGER" for n in range(45)}, ())).endswith(
        "… and 5 more columns"
    )


def test_a_hidden_column_is_masked_and_never_read(memory):
    memory.execute("create view v as select 1 as n, error('it was read') as secret")
    text = preview_markdown(preview_rows(memory, "v", {"n": "INTEGER", "secret": "VARCHAR"}, {"secret"}))
    assert text.splitlines()[-1] == "| 1 | ••• |"


def test_what_is_hidden_is_what_the_declaration_says_in_any_case():
    table = replace(find_table("customers"), private=frozenset({"Phone"}), hashed=frozenset({"city"}))
    assert hidden_columns(table, ["phone", "City", "country"]) == {"phone", "City"}
    assert hidden_columns(replace(table, is_previewed=False), ["phone", "country"]) == {"phone", "country"}


def test_the_last_changes_of_a_day_come_first(stage, shop):
    captured(stage, "orders", TODAY)
    shop.run("update orders set comments = 'now | then' where orderNumber = 103")
    table = replace(find_table("orders"), private=frozenset({"gone"}), hashed=frozenset({"status"}))
    captured(stage, "orders", TODAY)
    with scratch_folder(stage) as folder, open_duckdb_session(stage, folder) as connection:
        item = Lake(stage).days(table, connection)[TODAY]
        found = preview_newest_changes(connection, table, item)
    lines = preview_markdown(found).splitlines()
    assert lines[0].startswith("| &#95;op | &#95;changed&#95;at | orderNumber |")
    assert lines[2].startswith("| updated |")
    assert "now &#124; then" in lines[2]
    assert len(lines) == 2 + 5, "four rows of the baseline and the update"
    assert {line.count("•••") for line in lines[2:]} == {2}, "the hash of the status, and what was left behind"


def figures(count, rows):
    return [DayFigures(day=TODAY + timedelta(days=n), rows=rows(n), bytes=1000 + n) for n in range(count)]


def test_a_baseline_does_not_flatten_the_days_after_it():
    days = figures(30, lambda n: {"r": 10**6} if n == 0 else {"c": n, "u": 2 * n, "d": 1})
    panel = ChartPanel(
        title="rows",
        layers=[ChartLayer(name="r", colour="#000000", values=[sum(day.rows.values()) for day in days])],
        outliers=[n == 0 for n in range(30)],
    )
    assert panel.top == 29 * 3 + 1
    assert "↑1M" in render_chart([str(n) for n in range(30)], [panel])


@pytest.mark.parametrize("count", [1, 2, 30])
def test_the_pictures_are_small_and_tell_what_they_show(count):
    days = figures(count, lambda n: {"c": 10**6 * n, "u": 999_999, "d": n})
    large, small = history_chart("or]ders", days), history_sparkline("or]ders", days)
    assert len(large) < 20_000
    assert len(small) < 1000, "Dagster shows it without a click"
    assert large.startswith("![or&#93;ders: rows by operation a day, 2026-03-10 to")


def test_the_last_days_are_those_before_the_day_and_gaps_stay_gaps(stage, shop):
    first, last = TODAY - timedelta(days=2), TODAY
    captured(stage, "orders", first)
    shop.run("update orders set comments = 'x' where orderNumber = 103")
    known = captured(stage, "orders", first + timedelta(days=1), last).days_in_lake
    assert [each.day for each in recent_days(known, last)] == [first, first + timedelta(days=1), last]
    assert [each.day for each in recent_days(known, first)] == [first], "a day shows what was before it"
    (gap,) = recent_days({}, date(2026, 1, 5))
    assert (gap.rows, gap.bytes) == ({}, None)


def test_numbers_are_short():
    assert [abbreviate_number(n) for n in (0, 999, 1000, 1234, 56_789, 10**6, 3 * 10**9)] == [
        "0",
        "999",
        "1k",
        "1.2k",
        "57k",
        "1M",
        "3G",
    ]


def test_links_lead_to_a_page_that_opens():
    key = "s3://shop/raw/a b/day=2026-01-01/part-0.parquet"
    aws = ObjectStore(region="eu-west-1")
    assert (
        object_page_url(aws, key) == "https://shop.s3.eu-west-1.amazonaws.com/raw/a%20b/day=2026-01-01/part-0.parquet"
    )
    assert object_console_url(aws, key) == (
        "https://eu-west-1.console.aws.amazon.com/s3/object/shop?region=eu-west-1&prefix=raw%2Fa%20b%2Fday%3D2026-01-01%2Fpart-0.parquet"
    )
    assert "/s3/buckets/shop?" in object_console_url(aws, "s3://shop/warehouse/fct_orders/")
    local = ObjectStore(endpoint="http://127.0.0.1:1", access_key="ours", secret_key="secret")
    assert (object_page_url(local, key), object_console_url(local, key)) == ("", ""), (
        "a browser has no keys to sign with"
    )
    assert object_page_url(ObjectStore(endpoint="https://minio/"), "s3://shop/x") == "https://minio/shop/x"
