"""The daily job through Dagster: what runs, what is told, and what heals."""

import logging
import os
import signal
import subprocess
import sys
from contextlib import closing
from datetime import timedelta

import dagster as dg
import pytest

from refera_platform.answers.session import open_query_session
from refera_platform.answers.verify import verify_stage
from refera_platform.definitions import build
from refera_platform.errors import SettingError
from refera_platform.lake.lake import Lake
from refera_platform.lake.objects import ObjectRoot
from refera_platform.orchestration import headless, instance, keys, progress
from refera_platform.orchestration.run_history import run_process
from refera_platform.orchestration.run_request import DailyRunRequest
from refera_platform.warehouse.publish.manifest import read_publication
from refera_platform_tests.business import TODAY
from refera_platform_tests.checkout import checkout_project, declared_tables, find_table
from refera_platform_tests.local_stack import captured, captures, evening, root


@pytest.fixture
def published(memory, copied, shop):
    """The small business in the warehouse, by no run of Dagster; the lake goes on with the binlog from here."""
    captures(copied, declared_tables(), TODAY, afresh=True)


def run(stage, *days, select="", **options):
    at = stage.at_instant(evening(days[-1]))
    return headless.run_headless(
        build(at, checkout_project()), at, DailyRunRequest(days=days, select=select, **options)
    )


def test_a_day_goes_from_the_source_to_the_answers_with_every_check_told(memory, shop):
    outcome = run(memory, TODAY)
    assert outcome.failures == ()
    assert outcome.succeeded
    assert len(outcome.assets) == 59
    assert outcome.assets["raw/classicmodels/orders"]["rows_added_r"] == 4
    assert outcome.assets["warehouse/fct_order_lines"]["dagster/row_count"] == 5
    for name in (
        "rows_agree_with_the_source",
        "values_agree_with_the_source",
        "no_row_is_there_twice",
        "schema_is_as_before",
        "volume_is_as_usual",
        "newest_due_day_is_captured",
        "no_day_is_missing",
    ):
        assert outcome.checks[f"raw/classicmodels/orders {name}"]
    assert outcome.checks["answers/ans_sales_by_product ans_sales_by_product_adds_up"]
    assert outcome.checks["answers/report warehouse_agrees_with_the_lake"]
    assert outcome.checks["answers/report engines_read_what_is_published"]
    report = outcome.assets["answers/report"]
    assert report["dagster/uri"] == f"{memory.warehouse}/report/index.html"
    assert ("page" in report, report["open"]) == (False, "`refera report --open`"), (
        "no browser may read the local store"
    )
    assert report["preview"].startswith("![The report](data:image/png;base64,iVBOR")
    assert list(outcome.assets)[-1] == "answers/report", "it tells of what was published before it"
    assert len(read_publication(ObjectRoot(memory.warehouse, memory.store)).models) == 24
    tell_their_columns_months_and_rows(outcome)


def tell_their_columns_months_and_rows(outcome):
    customer = outcome.assets["warehouse/dim_customer"]
    columns = {column.name: column for column in customer["dagster/column_schema"].columns}
    assert columns["customer_number"].description == "Customer's number in the source."
    assert "| customer&#95;key |" in customer["preview"]
    assert customer["docs"] == "`refera report --docs --open`"
    lines = outcome.assets["warehouse/fct_order_lines"]
    assert lines["rows_by_month"].startswith("![fct&#95;order&#95;lines: rows by month,")
    assert outcome.assets["answers/ans_sales_by_month"]["report"] == "`refera report --open`"
    assert len(str(customer["preview"])) < 20_000


def test_a_range_is_one_pass_and_each_day_is_told_what_is_its_own(memory, shop):
    days = [TODAY - timedelta(days=back) for back in (3, 2, 1, 0)]
    captured(memory, "orders", days[0])
    for day, statements in ((days[1], 2), (TODAY, 1)):
        shop.at(day)
        for order in (103, 104)[:statements]:
            shop.run(f"update orders set comments = '{day}' where orderNumber = {order}")
    outcome = run(memory, *days[1:], select="orders")
    assert outcome.succeeded, outcome.failures
    with instance.open_instance(memory) as history:
        key = keys.raw_table_key(find_table("orders"))
        events = history.fetch_materializations(key, limit=10).records
    told = {record.partition_key: record.asset_materialization.metadata for record in events}
    assert sorted(told) == [str(day) for day in days], "the first was captured before it was over, and is completed"
    updates = {day: found["rows_added_u"].value for day, found in told.items() if "rows_added_u" in found}
    assert updates == {str(days[1]): 2, str(TODAY): 1}


def test_a_log_about_to_be_purged_is_told_before_it_goes(memory, shop, home):
    kept = "raw/classicmodels/orders log_is_kept_until_it_is_read"
    with closing(root(home)) as server, server.cursor() as cursor:
        cursor.execute("select @@global.binlog_expire_logs_seconds")
        (before,) = cursor.fetchone()
        assert run(memory, TODAY, select="orders").checks[kept]
        try:
            cursor.execute("set global binlog_expire_logs_seconds = 3600")
            outcome = run(memory, TODAY, select="orders")
        finally:
            cursor.execute(f"set global binlog_expire_logs_seconds = {before}")
    assert outcome.succeeded, "a warning stops no day"
    (warning,) = outcome.warnings
    assert warning.startswith(
        f"{kept}: classicmodels.orders continues from a binlog position that is kept for at least 1 hours"
    )


def test_a_log_that_is_gone_is_an_error_that_names_the_remedy(memory, shop, home):
    assert run(memory, TODAY, select="orders").succeeded
    with closing(root(home)) as server, server.cursor() as cursor:
        cursor.execute("reset master")
    at = memory.at_instant(evening(TODAY))
    checked = build(at, checkout_project()).resolve_job_def("look_for_overdue_days")
    with dg.DagsterInstance.ephemeral() as history:
        result = checked.execute_in_process(instance=history, raise_on_error=False)
    (found,) = [
        one
        for one in result.get_asset_check_evaluations()
        if one.check_name == "log_is_kept_until_it_is_read" and one.asset_key.path[-1] == "orders"
    ]
    assert not found.passed
    assert found.severity is dg.AssetCheckSeverity.ERROR
    assert "is not the one that was read before" in found.description
    assert "refera resnapshot" in found.description


def test_a_refused_day_is_one_sentence_and_nothing_below_it_runs(memory, shop):
    old = TODAY - timedelta(days=4)
    at = memory.at_instant(evening(TODAY))
    outcome = headless.run_headless(build(at, checkout_project()), at, DailyRunRequest(days=(old,)))
    assert not outcome.succeeded
    assert outcome.assets == {}
    (failure,) = outcome.failures
    assert f"Day {old} of the table is over" in failure
    assert "refera run --day 2026-03-09" in failure
    assert all(table.name in failure for table in declared_tables()), "eight tables, one reason, one sentence"


def test_a_table_that_cannot_be_captured_is_red_by_itself(memory, shop):
    shop.run("drop table payments")
    outcome = run(memory, TODAY, select="lake")
    assert not outcome.succeeded
    assert len(outcome.assets) == 7
    (failure,) = outcome.failures
    assert failure.startswith("Table classicmodels.payments does not exist for user refera_reader")


def test_a_model_is_materialized_alone(published, memory, caplog):
    for select in (
        "fct_order_lines",
        "ans_sales_by_month,orders",
        "warehouse/dim_date",
        "staging",
    ):
        outcome = run(memory, TODAY, select=select)
        assert outcome.succeeded, (select, outcome.failures)
    assert set(outcome.assets) == {name for name in outcome.assets if name.startswith("staging/")}
    caplog.set_level(logging.INFO, progress.LOGGER.name)
    assert run(memory, TODAY, select="warehouse/dim_date", full_refresh=True).succeeded
    assert any("Everything was read, because it was asked for" in line for line in caplog.messages)


def test_a_red_audit_fails_the_run_and_tells_the_check(published, memory, shop):
    before = read_publication(ObjectRoot(memory.warehouse, memory.store)).run_id
    shop.run("alter table orderdetails modify priceEach decimal(30,2) not null")
    shop.run("update orderdetails set priceEach = 1e25 where orderNumber = 100")
    outcome = run(memory, TODAY)
    assert not outcome.succeeded
    assert any("nothing was published and the previous tables stay" in failure for failure in outcome.failures)
    assert not {name for name in outcome.assets if not name.startswith("raw/")}
    assert read_publication(ObjectRoot(memory.warehouse, memory.store)).run_id == before


def test_a_column_that_is_gone_at_the_source_is_red_and_the_tables_before_stay(published, memory, shop):
    before = read_publication(ObjectRoot(memory.warehouse, memory.store)).run_id
    shop.run("alter table customers change creditLimit credit_limit decimal(10,2)")
    for attempt in range(2):
        outcome = run(memory, TODAY)
        assert not outcome.succeeded
        assert any("creditLimit" in failure for failure in outcome.failures), outcome.failures
        assert outcome.checks["raw/classicmodels/customers no_column_is_gone"] is (attempt == 1)
    assert read_publication(ObjectRoot(memory.warehouse, memory.store)).run_id == before


@pytest.mark.parametrize("select", ["nonsense", 'key:"raw/nothing"', "((", "orders,nonsense"])
def test_a_selection_that_names_nothing_is_refused(memory, shop, select):
    with pytest.raises(SettingError, match="names no asset: write a table"):
        run(memory, TODAY, select=select)


def test_no_secret_is_in_dagster_s_history(memory, shop, tmp_path):
    shop.run("drop table payments")
    assert not run(memory, TODAY).succeeded
    secrets = [memory.store.secret_key, memory.databases["classicmodels"].password]
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.suffix == ".db" for path in files)
    assert not [path for path in files for secret in secrets if secret.encode() in path.read_bytes()]


CHILD = """
import logging
import sys
from dataclasses import replace
from datetime import date, datetime
from refera_platform.definitions import build
from refera_platform.orchestration import headless, progress
from refera_platform.orchestration.run_request import DailyRunRequest
from refera_platform.project.load import load_project
from refera_platform.settings.stage import load_stage
stage = load_stage().at_instant(datetime.fromisoformat(sys.argv[3]))
stage = replace(stage, lake=sys.argv[1], warehouse=sys.argv[2])
print("ready", flush=True)
class Printer(logging.Handler):
    def emit(self, record):
        print(record.progress.kind.name, record.getMessage(), flush=True)
progress.LOGGER.addHandler(Printer())
progress.LOGGER.setLevel(logging.INFO)
definitions = build(stage, load_project(stage.project_folder))
request = DailyRunRequest(days=(date.fromisoformat(sys.argv[4]),))
outcome = headless.run_headless(definitions, stage, request)
print(list(outcome.failures), flush=True)
"""


KILL_POINTS = {
    "before the first table": "ready",
    "between two tables": "MATERIALIZED raw/classicmodels/payments",
    "while dbt builds": "BUILT model stg_",
    "about to publish": "BUILT model ans_sales_by_month",
}


def test_killed_runs_leave_old_or_new_and_the_next_one_heals(memory, shop):
    """Runs killed one after the other, each at a later moment, without a healthy one in between."""
    assert run(memory, TODAY - timedelta(days=1)).succeeded
    shop.run("update orderdetails set quantityOrdered = quantityOrdered + 1")
    shop.run("delete from payments where checkNumber = 'C1'")
    for until in KILL_POINTS.values():
        _run_and_kill(memory, until)
        assert len(read_publication(ObjectRoot(memory.warehouse, memory.store)).models) == 24
        with open_query_session(memory, checkout_project()) as session:
            amount = session.query("select sum(sales_amount)::varchar from ans_sales_by_product").fetchone()
            assert amount == session.query("select sum(sales_amount)::varchar from fct_order_lines").fetchone()
    outcome = run(memory, TODAY)
    assert outcome.failures == ()
    assert [one.first_difference for one in verify_stage(memory, checkout_project()) if not one.is_equal] == []
    with open_query_session(memory, checkout_project()) as session:
        for table in declared_tables():
            doubled = session.query(f"select count(*) - count(distinct _position) from {table.address}").fetchone()
            assert doubled == (0,)
        assert session.query("select sum(sales_amount)::varchar from ans_sales_by_product").fetchone() == ("301.42",)


def _run_and_kill(stage, until):
    """Run a day in another process and SIGKILL it the moment it prints ``until``."""
    arguments = [stage.lake, stage.warehouse, evening(TODAY).isoformat(), str(TODAY)]
    variables = {**os.environ, "REFERA_STAGE": "test", "REFERA_HOME": str(stage.home)}
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, *arguments], stdout=subprocess.PIPE, text=True, env=variables
    )
    lines = []
    for line in child.stdout:
        lines.append(line)
        if line.startswith(until):
            child.send_signal(signal.SIGKILL)
            break
    else:
        pytest.fail(f"{until!r} never came: {''.join(lines[-5:])}")
    child.stdout.close()
    assert child.wait() == -signal.SIGKILL


def test_a_killed_process_is_gone_before_anybody_has_taken_note():
    with subprocess.Popen(["sleep", "60"]) as child:
        assert not run_process.process_identity(child.pid).endswith("/gone")
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert run_process.process_identity(child.pid).endswith("/gone")


def test_a_run_that_the_ui_started_says_which_process_executes_it(memory, shop):
    job = build(memory, checkout_project()).resolve_job_def("daily")
    with instance.open_instance(memory) as history:
        done = job.execute_in_process(
            instance=history,
            partition_key=str(TODAY),
            asset_selection=[keys.raw_table_key(find_table("orders"))],
        )
        assert history.get_run_by_id(done.run_id).tags[run_process.PROCESS_TAG] == run_process.process_identity(
            os.getpid()
        )


def test_two_runs_of_a_day_at_once_lose_and_double_nothing(memory, shop):
    at = memory.at_instant(evening(TODAY))
    variables = {**os.environ, "REFERA_STAGE": "test", "REFERA_HOME": str(at.home)}
    arguments = [at.lake, at.warehouse, evening(TODAY).isoformat(), str(TODAY)]
    children = [
        subprocess.Popen([sys.executable, "-c", CHILD, *arguments], stdout=subprocess.PIPE, text=True, env=variables)
        for _ in range(2)
    ]
    said = [child.communicate(timeout=240)[0] for child in children]
    assert any(text.splitlines()[-1] == "[]" for text in said), said
    assert run(memory, TODAY).succeeded
    assert [one.first_difference for one in verify_stage(memory, checkout_project()) if not one.is_equal] == []
    assert len(Lake(at).stored_days(find_table("orders"))) == 1
