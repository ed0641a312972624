"""Pieces that meet other calls, other declarations and a log that says too little: refused, never mixed, never stuck."""

from dataclasses import replace

import pytest

from refera_platform.duckdb_session.scratch import scratch
from refera_platform.ingest.result import Captured, Refused
from refera_platform.ingest.snapshot.chunked import Piecewise
from refera_platform.ingest.snapshot.chunks import InPieces, Sizes, Staging
from refera_platform.ingest.stream.reader import BinlogReading
from refera_platform.lake.lake import Lake
from refera_platform.source.connection import connect
from refera_platform_tests.ingest.logged_tables import differences_of, states_of
from refera_platform_tests.ingest.test_chunks import LINES, SMALL, capture_in_pieces, declared, stage_one
from refera_platform_tests.ingest.test_stream_changes import root_session, server

__all__ = ["server"]


def all_staged(stage, table=LINES):
    """A table whose pieces are all read."""
    began = capture_in_pieces(stage, table)
    assert isinstance(began, InPieces)
    for number in began.missing:
        stage_one(stage, began, number)
    return began


@pytest.mark.parametrize("gone", ["one", "all"])
def test_pieces_that_another_call_removes_meanwhile_make_no_baseline_of_the_rest(stage, shop, monkeypatch, gone):
    began = all_staged(stage)
    read = BinlogReading.read

    def removing(self, logs, until):
        staging = Staging(Lake(stage), LINES)
        plan = staging.plan()
        if gone == "one":
            Lake(stage).objects.remove(staging.key(plan, 1))
        else:
            staging.discard(plan)
        read(self, logs, until)

    with monkeypatch.context() as during:
        during.setattr(BinlogReading, "read", removing)
        came = capture_in_pieces(stage, LINES)
    assert isinstance(came, Refused)
    assert states_of(stage, LINES) == {}
    again = capture_in_pieces(stage, LINES)
    assert (again.plan == began.plan) is (gone == "one")
    for number in again.missing:
        stage_one(stage, again, number)
    assert isinstance(capture_in_pieces(stage, LINES), Captured)
    assert differences_of(stage, [LINES]) == {}


def test_a_piece_that_was_read_after_the_pass_began_is_not_put_together_with_it(stage, shop, monkeypatch):
    began = capture_in_pieces(stage, LINES)
    for number in (0, 1):
        stage_one(stage, began, number)
    missing = Piecewise._missing

    def late(self, job, cut, trouble):
        shop.run("update orderdetails set quantityOrdered = 77 where orderNumber = 104")
        stage_one(stage, began, 2)
        return missing(self, job, cut, trouble)

    with monkeypatch.context() as during:
        during.setattr(Piecewise, "_missing", late)
        came = capture_in_pieces(stage, LINES)
    assert isinstance(came, Refused)
    assert "was read after this pass began" in str(came.trouble)
    assert came.trouble.passing
    assert states_of(stage, LINES) == {}
    assert isinstance(capture_in_pieces(stage, LINES), Captured), "its pieces are there still"
    assert differences_of(stage, [LINES]) == {}


def test_a_log_that_holds_statements_throws_the_pieces_away_and_the_next_plan_succeeds(stage, shop, server):
    began = all_staged(stage)
    with root_session(server, "set session binlog_format = 'STATEMENT'"):
        server.execute("update orderdetails set quantityOrdered = 3")
    came = capture_in_pieces(stage, LINES)
    assert isinstance(came, Refused)
    assert "the log holds the statement instead of the rows" in str(came.trouble)
    assert "thrown away" in str(came.trouble)
    assert came.trouble.passing
    again = all_staged(stage)
    assert again.plan != began.plan
    assert isinstance(capture_in_pieces(stage, LINES), Captured)
    assert differences_of(stage, [LINES]) == {}


def test_smaller_pieces_are_begun_anew_and_larger_ones_leave_what_was_read(stage, shop):
    began = all_staged(stage)
    larger = Sizes(rows=3, bytes=1 << 30)
    assert isinstance(capture_in_pieces(stage, LINES, replace(SMALL, rows=1)), InPieces)
    plan = Staging(Lake(stage), LINES).plan()
    assert plan.id != began.plan
    assert plan.count == 6
    assert [key for key in keys_of(stage) if began.plan in key] == []
    still = capture_in_pieces(stage, LINES, larger)
    assert isinstance(still, InPieces)
    assert (still.plan, still.count) == (plan.id, 6)


def test_pieces_of_two_declarations_are_not_mixed(stage, shop):
    shop.run("create table people (id int primary key, email varchar(40), note varchar(40))")
    for number in range(5):
        shop.run("insert into people values (%s, %s, 'x')", (number, f"p{number}@example.com"))
    open_one = declared("people", "id")
    began = all_staged(stage, open_one)
    keyed = replace(stage, hash_key=b"k" * 32)
    hashed = replace(open_one, hashed=frozenset({"email"}))
    anew = capture_in_pieces(keyed, hashed)
    assert isinstance(anew, InPieces)
    assert anew.plan != began.plan
    assert [key for key in keys_of(stage) if began.plan in key] == []
    for number in anew.missing:
        stage_one(keyed, anew, number)
    other = capture_in_pieces(replace(stage, hash_key=b"q" * 32), hashed)
    assert isinstance(other, InPieces)
    assert other.plan != anew.plan, "hashes of two keys are not mixed either"


def test_a_hashed_key_is_not_written_down_as_bounds(stage, shop):
    shop.run("create table people (email varchar(40) primary key)")
    shop.run("insert into people values ('a@example.com'), ('b@example.com'), ('c@example.com'), ('d@example.com')")
    keyed = replace(stage, hash_key=b"k" * 32)
    table = replace(declared("people", "email"), hashed=frozenset({"email"}))
    came = capture_in_pieces(keyed, table)
    assert isinstance(came, Refused)
    assert "cannot be divided, being hashed" in str(came.trouble)
    assert keys_of(stage) == []


def test_two_plans_at_once_leave_the_pieces_of_the_one_that_counts(stage, shop):
    began = all_staged(stage)
    staging = Staging(Lake(stage), LINES)
    old = staging.plan()
    staging.begin(replace(old, id="f" * 32))
    staging.discard(old)
    assert staging.plan().id == "f" * 32
    assert [key for key in keys_of(stage) if began.plan in key] == []
    with scratch(stage) as folder, connect(stage, "classicmodels", folder) as source:
        assert staging.plan().is_of(source, LINES, source.columns(LINES))


def keys_of(stage):
    return [item.key for item in Lake(stage).objects.list("_staging/")]
