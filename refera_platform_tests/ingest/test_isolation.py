"""What is wrong with one table ends that table by name, and the tables behind it are captured all the same."""

from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta

import pytest

from refera_platform.duckdb_session.scratch import scratch_folder
from refera_platform.errors import LakeError, SourceError
from refera_platform.ingest import query_based
from refera_platform.ingest.result import IngestResult
from refera_platform.ingest.run import ingest_tables
from refera_platform.ingest.snapshot import snapshot_writer
from refera_platform.ingest.stream import run
from refera_platform.ingest.stream.day_writer import DayWriter
from refera_platform.reconcile import values as reconcile
from refera_platform.source.connection import open_source
from refera_platform.source.fault_isolation import fault_traceback
from refera_platform.source.mysql.binlog.row_decoder import RowDecoder
from refera_platform.source.table import SourceTable, Strategy
from refera_platform_tests.business import TODAY
from refera_platform_tests.checkout import find_table
from refera_platform_tests.ingest.logged_tables import differences_of, states_of
from refera_platform_tests.local_stack import captures, context_of, evening

ONE = timedelta(days=1)
YESTERDAY = TODAY - ONE
PAYMENTS, ORDERS = find_table("payments"), find_table("orders")
DATED = SourceTable(database="classicmodels", name="dated", key=("id", "d"), about="Keys with a date.")
BEHIND = SourceTable(database="classicmodels", name="behind", key=("id",), about="Captured behind it.")


def results(stage, tables, *days, afresh=()):
    """What came of each table of one run, by name."""
    at = stage.at_instant(evening(days[-1]))
    with scratch_folder(at) as folder, open_source(at, "classicmodels", folder) as source:
        came = list(ingest_tables(context_of(at, source, folder), tables, list(days), resnapshot_names=afresh))
    return {one.table.name: one for one in came}


@pytest.mark.parametrize(
    ("key", "values", "said"),
    [
        pytest.param("date", ["0000-00-00", "2026-00-00"], r"key column d is a date that no calendar has", id="dates"),
        pytest.param("timestamp", ["0000-00-00"], r"key column d is a date that no calendar has", id="an instant"),
        pytest.param("date", [None, None], r"key column d is NULL", id="NULL"),
    ],
)
def test_a_key_that_recognises_no_row_is_refused_by_name_and_the_table_behind_it_is_captured(
    stage, shop, key, values, said
):
    shop.run("set session sql_mode = ''")
    shop.run(f"create table dated (id int, d {key} null, v varchar(9), unique (id, d))")
    shop.run("create table behind (id int primary key)")
    shop.run("insert into dated values (1, '2026-01-01', 'a')")
    captures(stage, [DATED, BEHIND], YESTERDAY)
    for value in values:
        shop.run("insert into dated values (1, %s, 'b')", (value,))
    shop.run("delete from dated where id = 1 and month(d) = 0 and year(d) > 0")
    shop.run("insert into behind values (2)")
    came = results(stage, [DATED, BEHIND], TODAY)
    assert isinstance(came["behind"], IngestResult)
    assert differences_of(stage, [BEHIND]) == {}
    with pytest.raises(SourceError, match=rf"classicmodels\.dated .*{said}.*refera resnapshot classicmodels\.dated"):
        raise came["dated"].error
    assert list(states_of(stage, DATED)) == [YESTERDAY], "a refusal writes nothing"
    shop.run("delete from dated where v = 'b'")
    assert isinstance(results(stage, [DATED], TODAY, afresh=["dated"])["dated"], IngestResult)
    assert differences_of(stage, [DATED]) == {}


@pytest.mark.parametrize("strategy", [Strategy.LOG, Strategy.COMPARE], ids=lambda each: each.value)
def test_a_first_capture_says_that_a_key_has_a_date_that_no_calendar_has(stage, shop, strategy):
    shop.run("set session sql_mode = ''")
    shop.run("create table dated (id int, d date, primary key (id, d))")
    shop.run("insert into dated values (1, '0000-00-00'), (1, '2026-00-00'), (2, '2026-01-01')")
    with pytest.raises(SourceError, match=r"classicmodels\.dated has 2 rows whose key column d is a date that no"):
        captures(stage, [replace(DATED, strategy=strategy)], TODAY)


SECRET = "a value of a row"
PLACES = {
    "planning": (run, "plan_task"),
    "planning to the present": (run, "request_days_to_present"),
    "decoding": (RowDecoder, "to_arrow"),
    "cutting rows": (RowDecoder, "split_rows"),
    "writing": (DayWriter, "write"),
}


def failing(genuine):
    """The same, with a fault that nobody thought of when it is about payments."""

    def fails(*arguments, **options):
        parts = [*arguments, *(getattr(each, name, None) for each in arguments for name in ("table", "_table"))]
        addresses = {getattr(each, "address", each) for each in parts if isinstance(each, str | SourceTable)}
        if PAYMENTS.address in addresses:
            raise TypeError(SECRET)
        return genuine(*arguments, **options)

    return fails


def require_named(refused):
    """It is red by name, with a place for whoever mends it, and without what the fault said."""
    with pytest.raises(
        LakeError, match=r"^classicmodels\.payments stopped at a fault .*\(TypeError at \S+\.py:\d+\): report"
    ):
        raise refused.error
    assert fault_traceback(refused.error).endswith("TypeError")
    assert SECRET not in str(refused.error) + fault_traceback(refused.error)


@pytest.mark.parametrize("place", PLACES)
def test_a_fault_that_nobody_thought_of_ends_one_table_of_the_log(stage, shop, monkeypatch, place):
    captures(stage, [PAYMENTS, ORDERS], YESTERDAY)
    shop.run("update payments set amount = 7")
    shop.run("update orders set comments = 'x'")
    shop.run("alter table orders add column note text")  # so that the days to the present are wanted
    owner, name = PLACES[place]
    with monkeypatch.context() as patched:
        patched.setattr(owner, name, failing(getattr(owner, name)))
        came = results(stage, [PAYMENTS, ORDERS], TODAY)
    require_named(came["payments"])
    assert isinstance(came["orders"], IngestResult)
    assert differences_of(stage, [ORDERS]) == {}
    assert list(states_of(stage, PAYMENTS)) == [YESTERDAY]
    captures(stage, [PAYMENTS], TODAY)
    assert differences_of(stage, [PAYMENTS]) == {}


OTHERS = {
    "a baseline": (snapshot_writer, PAYMENTS),
    "compare": (query_based, replace(PAYMENTS, strategy=Strategy.COMPARE)),
    "snapshot": (query_based, replace(PAYMENTS, strategy=Strategy.SNAPSHOT)),
    "cursor": (query_based, replace(PAYMENTS, strategy=Strategy.CURSOR, cursor="amount", overlap=1)),
}


@pytest.mark.parametrize("way", OTHERS)
def test_a_fault_ends_one_table_whatever_its_strategy(stage, shop, monkeypatch, way):
    module, table = OTHERS[way]
    monkeypatch.setattr(module, "read_source_table", failing(module.read_source_table))
    came = results(stage, [table, replace(ORDERS, strategy=table.strategy) if not table.cursor else ORDERS], TODAY)
    require_named(came["payments"])
    assert isinstance(came["orders"], IngestResult)


def test_a_comparison_that_fails_is_red_and_leaves_what_is_committed(stage, shop, monkeypatch):
    monkeypatch.setattr(reconcile._Comparison, "compare", lambda comparison: int(None))
    came = results(stage, [PAYMENTS, ORDERS], TODAY)
    assert all("stopped at a fault of refera_platform itself" in one.unverified_because for one in came.values())
    assert differences_of(stage, [PAYMENTS, ORDERS]) == {}


def test_without_the_boundary_such_a_fault_ends_the_run(stage, shop, monkeypatch):
    monkeypatch.setattr(run, "isolated", nullcontext)
    monkeypatch.setattr(snapshot_writer, "read_source_table", failing(snapshot_writer.read_source_table))
    with pytest.raises(TypeError):
        results(stage, [PAYMENTS, ORDERS], TODAY)
