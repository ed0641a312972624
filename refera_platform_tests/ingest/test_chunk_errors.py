"""Pieces that meet other calls, other declarations and a log that says too little: refused, never mixed, never stuck."""

from dataclasses import replace

import pytest

from refera_platform.duckdb_session.scratch import scratch_folder
from refera_platform.ingest.result import IngestFailure, IngestResult
from refera_platform.ingest.snapshot.chunk_staging import ChunkStaging
from refera_platform.ingest.snapshot.chunks import ChunkLimits, PendingChunks
from refera_platform.ingest.stream import run
from refera_platform.lake.lake import Lake
from refera_platform.source.connection import open_source
from refera_platform_tests.ingest.logged_tables import differences_of, states_of
from refera_platform_tests.ingest.test_chunks import LINES, SMALL, capture_in_pieces, declared, stage_one
from refera_platform_tests.ingest.test_stream_changes import root_session, server

__all__ = ["server"]


def all_staged(stage, table=LINES):
    """A table whose pieces are all read."""
    began = capture_in_pieces(stage, table)
    assert isinstance(began, PendingChunks)
    for number in began.missing_numbers:
        stage_one(stage, began, number)
    return began


@pytest.mark.parametrize("gone", ["one", "all"])
def test_pieces_that_another_call_removes_meanwhile_make_no_baseline_of_the_rest(stage, shop, monkeypatch, gone):
    began = all_staged(stage)
    read = run.read_changes

    def removing(*arguments):
        staging = ChunkStaging(Lake(stage), LINES)
        plan = staging.read_plan()
        if gone == "one":
            Lake(stage).objects.remove(staging.chunk_key(plan, 1))
        else:
            staging.discard(plan)
        return read(*arguments)

    with monkeypatch.context() as during:
        during.setattr(run, "read_changes", removing)
        came = capture_in_pieces(stage, LINES)
    assert isinstance(came, IngestFailure)
    assert states_of(stage, LINES) == {}
    again = capture_in_pieces(stage, LINES)
    assert (again.plan_id == began.plan_id) is (gone == "one")
    for number in again.missing_numbers:
        stage_one(stage, again, number)
    assert isinstance(capture_in_pieces(stage, LINES), IngestResult)
    assert differences_of(stage, [LINES]) == {}


def test_a_piece_that_was_read_after_the_pass_began_is_not_put_together_with_it(stage, shop, monkeypatch):
    began = capture_in_pieces(stage, LINES)
    for number in (0, 1):
        stage_one(stage, began, number)
    find = run.find_chunks

    def late(*arguments):
        shop.run("update orderdetails set quantityOrdered = 77 where orderNumber = 104")
        stage_one(stage, began, 2)
        return find(*arguments)

    with monkeypatch.context() as during:
        during.setattr(run, "find_chunks", late)
        came = capture_in_pieces(stage, LINES)
    assert isinstance(came, IngestFailure)
    assert "was read after this run began" in str(came.error)
    assert came.error.is_transient
    assert states_of(stage, LINES) == {}
    assert isinstance(capture_in_pieces(stage, LINES), IngestResult), "its pieces are there still"
    assert differences_of(stage, [LINES]) == {}


def test_a_log_that_holds_statements_throws_the_pieces_away_and_the_next_plan_succeeds(stage, shop, server):
    began = all_staged(stage)
    with root_session(server, "set session binlog_format = 'STATEMENT'"):
        server.execute("update orderdetails set quantityOrdered = 3")
    came = capture_in_pieces(stage, LINES)
    assert isinstance(came, IngestFailure)
    assert "the binlog holds the statement instead of the rows" in str(came.error)
    assert "discarded" in str(came.error)
    assert came.error.is_transient
    again = all_staged(stage)
    assert again.plan_id != began.plan_id
    assert isinstance(capture_in_pieces(stage, LINES), IngestResult)
    assert differences_of(stage, [LINES]) == {}


def test_smaller_pieces_are_begun_anew_and_larger_ones_leave_what_was_read(stage, shop):
    began = all_staged(stage)
    larger = ChunkLimits(max_rows=3, max_bytes=1 << 30)
    assert isinstance(capture_in_pieces(stage, LINES, replace(SMALL, max_rows=1)), PendingChunks)
    plan = ChunkStaging(Lake(stage), LINES).read_plan()
    assert plan.id != began.plan_id
    assert plan.chunk_count == 6
    assert [key for key in keys_of(stage) if began.plan_id in key] == []
    still = capture_in_pieces(stage, LINES, larger)
    assert isinstance(still, PendingChunks)
    assert (still.plan_id, still.chunk_count) == (plan.id, 6)


def test_pieces_of_two_declarations_are_not_mixed(stage, shop):
    shop.run("create table people (id int primary key, email varchar(40), note varchar(40))")
    for number in range(5):
        shop.run("insert into people values (%s, %s, 'x')", (number, f"p{number}@example.com"))
    open_one = declared("people", "id")
    began = all_staged(stage, open_one)
    keyed = replace(stage, hash_key=b"k" * 32)
    hashed = replace(open_one, hashed=frozenset({"email"}))
    anew = capture_in_pieces(keyed, hashed)
    assert isinstance(anew, PendingChunks)
    assert anew.plan_id != began.plan_id
    assert [key for key in keys_of(stage) if began.plan_id in key] == []
    for number in anew.missing_numbers:
        stage_one(keyed, anew, number)
    other = capture_in_pieces(replace(stage, hash_key=b"q" * 32), hashed)
    assert isinstance(other, PendingChunks)
    assert other.plan_id != anew.plan_id, "hashes of two keys are not mixed either"


def test_a_hashed_key_is_not_written_down_as_bounds(stage, shop):
    shop.run("create table people (email varchar(40) primary key)")
    shop.run("insert into people values ('a@example.com'), ('b@example.com'), ('c@example.com'), ('d@example.com')")
    keyed = replace(stage, hash_key=b"k" * 32)
    table = replace(declared("people", "email"), hashed=frozenset({"email"}))
    came = capture_in_pieces(keyed, table)
    assert isinstance(came, IngestFailure)
    assert "cannot be divided, as it is hashed" in str(came.error)
    assert keys_of(stage) == []


def test_two_plans_at_once_leave_the_pieces_of_the_one_that_counts(stage, shop):
    began = all_staged(stage)
    staging = ChunkStaging(Lake(stage), LINES)
    old = staging.read_plan()
    staging.replace_plan(replace(old, id="f" * 32))
    staging.discard(old)
    assert staging.read_plan().id == "f" * 32
    assert [key for key in keys_of(stage) if began.plan_id in key] == []
    with scratch_folder(stage) as folder, open_source(stage, "classicmodels", folder) as source:
        assert staging.read_plan().is_for_table(source, LINES, source.columns(LINES))


def keys_of(stage):
    return [item.key for item in Lake(stage).objects.list("_staging/")]
