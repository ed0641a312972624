"""What people type, run as they run it: output, pipes, exit codes, and errors of one sentence."""

import csv
import io
import json
import os
import pty
import signal
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path

import pyarrow.parquet as parquet
import pymysql
import pytest

from refera_platform.sandbox import stack
from refera_platform_tests.cli.typed import REFERA, said, typed

DAY = "2026-03-10"
NOWHERE = {
    "REFERA_CLASSICMODELS_URL": "mysql://u:p@127.0.0.1:1/shop",
    "REFERA_LAKE": "s3://corp/raw",
    "REFERA_WAREHOUSE": "s3://corp/warehouse",
    "REFERA_S3_ENDPOINT": "http://127.0.0.1:1",
    "AWS_ACCESS_KEY_ID": "x",
    "AWS_SECRET_ACCESS_KEY": "y",
}


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    """A home of the module's own with the demo of one day in it, as a person makes it."""
    place = tmp_path_factory.mktemp("typed") / "home"
    done = typed(place, "demo", "--days", "1", "--scale", "0.3", is_cold=True)
    assert done.returncode == 0, done.stderr
    yield place, done
    stack.stop_stack(place, wipe=True)


def test_the_demo_goes_the_whole_way_and_says_what_to_try_next(ours):
    _, done = ours
    for number in range(1, 8):
        assert f"\n{number}. " in done.stdout
    assert "Sales per salesperson · Vendas por vendedor" in done.stdout
    assert "ans_stock_by_product_and_month" in done.stdout
    assert "checks passed" in done.stderr
    assert "make ui" in done.stderr
    assert "Business of" in done.stderr


def test_up_twice_is_quick_and_status_tells_every_address(ours):
    home, _ = ours
    assert typed(home, "up", is_cold=True).returncode == 0
    told = json.loads(typed(home, "status", "--format", "json", is_cold=True).stdout)
    mariadb, s3 = told["servers"]["mariadb"], told["servers"]["seaweedfs"]
    assert {"endpoint", "access_key", "secret_key", "bucket"} <= set(s3)
    with (
        closing(
            pymysql.connect(
                host=mariadb["host"],
                port=mariadb["port"],
                user=mariadb["reader"]["user"],
                password=mariadb["reader"]["password"],
                database=mariadb["database"],
            )
        ) as other,
        other.cursor() as cursor,
    ):
        assert cursor.execute("show tables") == 8
    assert "running" in typed(home, "status").stdout


def test_a_query_gives_a_table_csv_tsv_json_and_parquet(ours, tmp_path):
    home, _ = ours
    sql = "select customer_number, customer_city, credit_limit from dim_customer where customer_key <> -1 order by 1 limit 3"
    rows = list(csv.reader(io.StringIO(typed(home, "query", "--format", "csv", sql).stdout)))
    assert rows[0] == ["customer_number", "customer_city", "credit_limit"]
    assert len(rows) == 4
    assert typed(home, "query", "--format", "tsv", sql).stdout.splitlines()[0].split("\t") == rows[0]
    told = json.loads(typed(home, "query", "--format", "json", sql).stdout)
    assert [str(row["customer_number"]) for row in told] == [row[0] for row in rows[1:]]
    binary = typed(home, "query", "--format", "parquet", sql, text=False).stdout
    (tmp_path / "x.parquet").write_bytes(binary)
    assert parquet.read_table(tmp_path / "x.parquet").num_rows == 3
    assert typed(home, "query", "--format", "parquet", "--output", str(tmp_path / "y.parquet"), sql).returncode == 0
    assert (tmp_path / "y.parquet").read_bytes() == binary
    assert rows[1][0] in typed(home, "query", sql).stdout
    assert typed(home, "query", "-", "--format", "csv", input="select 1 as one -- a comment").stdout == "one\n1\n"


def test_a_query_over_the_lake_shows_its_changes(ours):
    home, _ = ours
    done = typed(
        home,
        "query",
        "--format",
        "csv",
        "select _op, count(*) > 100 as many from classicmodels.orders group by 1",
        is_cold=True,
    )
    assert done.stdout.splitlines() == ["_op,many", "r,true"]


def test_the_report_is_where_it_says_and_opens_in_a_browser(ours, tmp_path):
    home, _ = ours
    told = typed(home, "report", is_cold=True)
    assert told.stdout == "s3://refera/warehouse/report/index.html\n"
    assert "refera report --open" in told.stderr
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/shown\n')
    browser.chmod(0o755)
    done = typed(home, "report", "--open", env={"BROWSER": str(browser)})
    page = home / "report/index.html"
    assert done.stdout == f"{page}\n"
    assert (tmp_path / "shown").read_text() == f"{page.as_uri()}\n"
    assert page.read_text().startswith("<!doctype html>")
    nobody = typed(home, "report", "--open", env={"BROWSER": "false", "PATH": "/nowhere"})
    assert nobody.returncode == 0
    assert f"No browser was found here: open {page} in one." in nobody.stderr


def test_the_report_is_kept_where_one_wants_it_in_the_language_one_wants(ours, tmp_path):
    home, _ = ours
    assert typed(home, "report", "--output", str(tmp_path / "a/sales.html"), "--language", "pt").returncode == 0
    assert '<html lang="pt" data-language="pt">' in (tmp_path / "a/sales.html").read_text()
    assert "choose one of en, pt" in said(typed(home, "report", "--language", "de"))
    assert "name another file with --output" in said(typed(home, "report", "--output", "/dev/null/x.html"))


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        pytest.param("selec 1", "syntax error", id="syntax"),
        pytest.param("from ans_sales_by_produc", 'Did you mean "ans_sales_by_product"', id="a misspelt table"),
        pytest.param("select 1; select 2", "One statement was expected and 2 were given", id="two"),
        pytest.param("", "One statement was expected and 0 were given", id="none"),
        pytest.param("create table x as select 1", "only reads, and this is a CREATE statement", id="create"),
        pytest.param("copy (select 1) to '/tmp/refera-x'", "only reads, and this is a COPY statement", id="copy"),
        pytest.param("explain analyze copy (select 1) to '/tmp/refera-x'", "only reads", id="hidden copy"),
        pytest.param(
            "select case when i = 9000 then error('boom') else i end from range(10000) t(i)",
            "boom",
            id="late",
        ),
        pytest.param("attach '/tmp/refera-x'", "only reads", id="attach"),
        pytest.param("from ans_sale_by_month", 'Did you mean "ans_sales_by_month"', id="a table mistyped"),
        pytest.param("select sale from fct_orders", "`describe TABLE` shows the columns", id="a column mistyped"),
        pytest.param("selec 1", "Ask with one SELECT", id="no sql"),
        pytest.param("set memory_limit = '1TB'", "only reads", id="set"),
        pytest.param("from read_text('/etc/hostname')", "no other file and no other address", id="a file"),
        pytest.param("from glob('/etc/*')", "no other file and no other address", id="a folder"),
        pytest.param("from read_text('/proc/self/environ')", "no other file", id="environment"),
        pytest.param("from read_csv('http://127.0.0.1:1/x')", "no other address", id="an address"),
        pytest.param("from glob('s3://refera/*')", "no other address", id="the rest of a bucket"),
        pytest.param(
            "create type e as enum ('a'); pivot ans_sales_by_month on order_year using sum(orders)",
            "One statement was expected",
            id="a type before a pivot",
        ),
        pytest.param(
            "explain pivot ans_sales_by_month on order_year using sum(orders)",
            "name them",
            id="explained pivot",
        ),
        pytest.param("/* plan */ explain delete from ans_sales_by_month", "only reads", id="explained delete"),
    ],
)
def test_a_mistake_in_a_query_is_one_message_and_writes_nothing(ours, sql, words):
    home, _ = ours
    assert words in said(typed(home, "query", sql))
    assert not Path("/tmp/refera-x").exists()


def test_a_value_or_a_name_with_brackets_is_shown_as_it_is(ours):
    home, _ = ours
    shown = typed(home, "query", "select '[bold]x' as \"[/b]\", '\\[y]' as two").stdout
    assert "[/b]" in shown
    assert "[bold]x" in shown
    assert "\\[y]" in shown
    assert "is not UTF-8" in said_bytes(typed(home, "query", "-", text=False, input=b"select '\xff'"))
    assert "physical_plan" in typed(home, "query", "explain select 1").stdout
    assert "leave out --format" in said(typed(home, "query", "--format", "csv", "explain select 1"))


def test_a_pivot_is_a_question_too(ours, tmp_path):
    home, _ = ours
    sql = "pivot (from ans_sales_by_month where order_month = 3) on order_year using sum(sales_amount)"
    by_hand = typed(home, "query", "--format", "csv", sql).stdout
    assert by_hand.splitlines()[0].startswith("order_month,orders,order_lines,units,")
    assert typed(home, "query", f"{sql};").returncode == 0
    assert typed(home, "query", "--format", "csv", "--output", str(tmp_path / "p.csv"), sql).returncode == 0
    assert (tmp_path / "p.csv").read_text() == by_hand


def test_an_answer_that_cannot_be_written_says_so_and_leaves_the_file_that_was_there(ours, tmp_path):
    home, _ = ours
    kept = tmp_path / "kept.csv"
    kept.write_text("before")
    late = "select error('boom') from range(3)"
    assert "boom" in said(typed(home, "query", "--format", "csv", "--output", str(kept), late))
    assert kept.read_text() == "before"
    nowhere = typed(home, "query", "--format", "csv", "--output", "/dev/null/x.csv", "select 1")
    assert "name another file with --output" in said(nowhere)


def test_a_value_cannot_steer_the_terminal(ours):
    home, _ = ours
    shown = typed(home, "query", "select chr(27) || '[2J' as a, 'x' || chr(7) as b, chr(8238) || 'y' as c")
    assert not set(shown.stdout) & {"\x1b", "\x07", "\u202e"}
    assert "\\x1b[2J" in shown.stdout
    failed = typed(home, "query", "select error('no' || chr(27) || '[2J')")
    assert "\x1b" not in said(failed)


def said_bytes(done):
    assert done.returncode == 1
    return done.stderr.decode()


def test_a_home_that_cannot_be_written_is_named():
    done = typed("/proc/nope", "query", "select 1", env={"REFERA_STAGE": "production", **NOWHERE})
    assert "Nothing can be written in /proc/nope" in said(done)


def test_as_of_rebuilds_a_day_and_refuses_one_that_nobody_saw(ours):
    home, _ = ours
    days = typed(
        home, "query", "--format", "csv", "select distinct day from classicmodels.orders order by 1"
    ).stdout.split()[1:]
    done = typed(home, "as-of", days[0], "orders", "--format", "csv", is_cold=True)
    assert done.returncode == 0, done.stderr
    assert len(list(csv.reader(io.StringIO(done.stdout)))) > 100
    assert "and not on 2020-01-01" in said(typed(home, "as-of", "2020-01-01", "orders"))
    assert "is not one declared table" in said(typed(home, "as-of", days[0], "invoices"))


def test_the_reader_of_a_pipe_may_leave_early(ours):
    home, _ = ours
    command = f"'{REFERA}' query --format csv \"select * from range(1000000)\" | head -1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        capture_output=True,
        text=True,
        env={**os.environ, "REFERA_HOME": str(home)},
    )
    assert done.stdout == "range\n"
    assert "Traceback" not in done.stderr
    assert "Error" not in done.stderr


def test_a_run_that_is_told_to_end_says_so_in_a_sentence(ours):
    home, _ = ours
    with subprocess.Popen(
        [str(REFERA), "run"], stderr=subprocess.PIPE, text=True, env={**os.environ, "REFERA_HOME": str(home)}
    ) as child:
        assert child.stderr.readline().endswith("loading Dagster and dbt\n")
        child.send_signal(signal.SIGTERM)
        assert child.stderr.read() == "Stopped: what was committed counts; run it again.\n"
    assert child.returncode == 128 + signal.SIGTERM


def test_simulate_and_run_bring_a_day_and_verify_agrees(ours):
    home, _ = ours
    done = typed(home, "simulate", "--days", "1", is_cold=True)
    assert done.returncode == 0, done.stderr
    assert "rows inserted" in done.stderr
    verdict = typed(home, "verify", is_cold=True)
    assert verdict.returncode == 1
    assert "First difference: " in verdict.stderr
    done = typed(home, "run", is_cold=True)
    assert done.returncode == 0, done.stderr
    assert "created" in done.stdout
    verdict = typed(home, "verify")
    assert verdict.returncode == 0, verdict.stderr
    assert "DIFFER" not in verdict.stdout


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param(["run", "--day", "yesterday"], "A day is written wrongly", id="no day"),
        pytest.param(["run", "--day", DAY, "--to", DAY], "given together", id="both"),
        pytest.param(["run", "--from", "2026-03-11", "--to", DAY], "runs backwards", id="backwards"),
        pytest.param(["run", "--day", "2999-01-01"], "has not begun", id="future"),
        pytest.param(["run", "--day", DAY], "the day of its first capture", id="past"),
        pytest.param(["run", "--select", "nonsense"], "'nonsense' names no asset", id="selection"),
        pytest.param(["query", "--format", "xml", "select 1"], "choose one of table, csv", id="format"),
        pytest.param(["status", "--format", "xml"], "choose table or json", id="status format"),
        pytest.param(["restore", "/nowhere/dump.sql"], "/nowhere/dump.sql", id="no dump"),
    ],
)
def test_a_wrong_word_is_told_in_a_sentence(ours, words, expected):
    home, _ = ours
    assert expected in " ".join(said(typed(home, *words)).split())


def test_nothing_is_up_and_nothing_was_published_say_the_next_step(tmp_path):
    empty = tmp_path / "empty"
    assert "start it with `refera up`" in said(typed(empty, "query", "select 1"))
    assert "start it with `refera up`" in said(typed(empty, "run"))
    assert "start it with `refera up`" in said(typed(empty, "verify"))
    assert typed(empty, "status", is_cold=True).returncode == 1
    assert typed(empty, "down", is_cold=True).returncode == 0


def test_debug_shows_the_traceback(tmp_path):
    done = typed(tmp_path / "empty", "--debug", "query", "select 1", is_cold=True)
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_help_comes_quickly_and_shows_examples():
    for words in ([], ["run"], ["query"], ["simulate"], ["up"]):
        done = typed("/nowhere", *words, "--help", is_cold=True)
        assert done.returncode == 0
        assert not words or "Examples" in done.stdout
    loaded = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, refera_platform.cli.main; print({'dagster', 'dbt', 'duckdb', 'pandas'} & sys.modules.keys())",
        ],
        capture_output=True,
        text=True,
    )
    assert loaded.stdout.strip() == "set()"


def test_a_terminal_gets_a_bar_and_the_same_result(ours):
    home, _ = ours
    leader, follower = pty.openpty()
    child = subprocess.Popen(
        [str(REFERA), "verify"],
        stdout=subprocess.PIPE,
        stderr=follower,
        env={**os.environ, "REFERA_HOME": str(home), "TERM": "xterm"},
    )
    os.close(follower)
    seen = b""
    with suppress(OSError):  # Linux says so when the other side has closed; unread, a bar that is drawn would wait
        while chunk := os.read(leader, 65536):
            seen += chunk
    os.close(leader)
    out, _ = child.communicate(timeout=120)
    assert child.returncode == 0
    assert b"agree" in out
    assert b"classicmodels." in seen


def test_servers_that_went_away_are_named_with_the_next_step(ours):
    home, _ = ours
    assert typed(home, "down", is_cold=True).returncode == 0
    try:
        assert "could not be reached" in said(typed(home, "query", "select 1"))
        told = said(typed(home, "verify"))
        assert "could not be reached" in told
        assert json.loads((home / "stack.json").read_text())["mariadb"]["reader"]["password"] not in told
    finally:
        assert typed(home, "up", is_cold=True).returncode == 0
    assert typed(home, "query", "select count(*) from dim_customer").returncode == 0
