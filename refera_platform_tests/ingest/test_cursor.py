"""A cursor brings what moved, once, ties and late commits too; what it cannot see it refuses, or says it cannot."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from refera_platform.errors import LakeError, SourceError
from refera_platform.lake.lake import raw_rows
from refera_platform.source.mysql.snapshot import read_source_table
from refera_platform.source.table import SourceTable, Strategy
from refera_platform_tests.business import TODAY
from refera_platform_tests.checkout import declare
from refera_platform_tests.ingest.test_query_based import changes_of, state_of
from refera_platform_tests.local_stack import captured, source_of

YESTERDAY = TODAY - timedelta(days=1)
MOVES = SourceTable(
    database="classicmodels",
    name="moves",
    key=("id",),
    strategy=Strategy.CURSOR,
    cursor="at",
    overlap=timedelta(minutes=10),
    about="Rows that say when they changed.",
)


@pytest.fixture
def moves(shop, monkeypatch):
    """A table whose rows say when they changed; gives a function that puts a row in."""
    declare(monkeypatch, MOVES)
    shop.run("create table moves (id int primary key, at datetime(3) null, v varchar(20), key (at))")

    def put(number, at, value=""):
        shop.run("replace into moves values (%s, %s, %s)", (number, at, value))

    return put


@pytest.fixture
def reads(monkeypatch):
    """How many rows each reading of the source brought."""
    seen = []

    def counting(*arguments, **options):
        found = read_source_table(*arguments, **options)
        seen.append(found.rows)
        return found

    monkeypatch.setattr("refera_platform.ingest.query_based.read_source_table", counting)
    return seen


def declared(monkeypatch, **changes):
    table = replace(MOVES, **changes)
    declare(monkeypatch, table)
    return table


def test_the_first_capture_reads_the_table_and_later_ones_what_moved(stage, lake, moves, reads):
    for number in range(1, 4):
        moves(number, f"2026-03-09 0{number}:00:00.5")
    first = captured(stage, "moves", YESTERDAY)
    assert dict(first.added) == {"r": 3}
    assert first.state.end_position == "at=2026-03-09 03:00:00.500000"
    moves(1, "2026-03-10 10:00:00", "moved")
    moves(4, "2026-03-10 10:00:01", "new")
    second = captured(stage, "moves", TODAY)
    assert dict(second.added) == {"c": 1, "u": 1}
    assert reads == [3, 3], "rows 1 and 4, and row 3 again, which lies in the overlap"
    assert (second.source_rows, second.lake_rows, second.agrees) == (4, 4, True)
    assert second.state.start_position == first.state.end_position
    assert second.state.end_position == "at=2026-03-10 10:00:01"
    assert state_of(stage, lake, "moves", "id, v") == {(1, "moved"), (2, ""), (3, ""), (4, "new")}
    assert datetime.fromisoformat("2026-03-10T23:59:59+00:00") in {
        row[0] for row in changes_of(stage, lake, "moves", "_changed_at")
    }


def test_ties_and_late_commits_arrive_once(stage, lake, moves):
    moves(1, "2026-03-10 10:00:00")
    captured(stage, "moves", TODAY)
    moves(2, "2026-03-10 10:00:00", "tie")
    moves(3, "2026-03-10 09:50:00", "late")
    assert dict(captured(stage, "moves", TODAY).added) == {"c": 2}
    before = lake.stored_days(MOVES)
    assert dict(captured(stage, "moves", TODAY).added) == {}
    assert lake.stored_days(MOVES) == before
    assert [row[0] for row in changes_of(stage, lake, "moves", "id")] == [1, 2, 3]


def test_a_row_later_than_the_overlap_is_missed_and_the_check_says_so(stage, moves):
    moves(1, "2026-03-10 10:00:00")
    captured(stage, "moves", TODAY)
    moves(2, "2026-03-10 09:49:59.999", "too late")
    found = captured(stage, "moves", TODAY)
    assert (dict(found.added), found.lake_rows, found.agrees) == ({}, 1, False)


def test_a_deleted_row_stays_and_is_no_disagreement(stage, lake, shop, moves):
    moves(1, "2026-03-09 10:00:00")
    moves(2, "2026-03-09 11:00:00")
    captured(stage, "moves", YESTERDAY)
    shop.run("delete from moves where id = 1")
    found = captured(stage, "moves", TODAY)
    assert (dict(found.added), found.lake_rows, found.agrees) == ({}, 2, True)
    assert found.state.end_position == "at=2026-03-09 11:00:00", "an idle day goes on from the same place"


@pytest.mark.parametrize(
    "change", ["delete from moves where id = 2", "update moves set at = '2026-03-01' where id = 2", "delete from moves"]
)
def test_a_cursor_that_went_backwards_is_refused_and_a_new_baseline_mends_it(stage, lake, shop, moves, change):
    moves(1, "2026-03-09 10:00:00")
    moves(2, "2026-03-09 11:00:00")
    captured(stage, "moves", YESTERDAY)
    shop.run(change)
    with pytest.raises(
        SourceError,
        match=r"highest at of classicmodels.moves was 2026-03-09 11:00:00 and (is|no row has one) .*`refera resnapshot",
    ):
        captured(stage, "moves", TODAY)
    assert list(lake.stored_days(MOVES)) == [YESTERDAY]


def test_rows_without_a_value_are_refused_by_name(stage, lake, shop, moves):
    moves(7, "2026-03-09 10:00:00")
    for number in (3, 5):
        moves(number, None)
    with pytest.raises(SourceError, match=r"moves has 2 rows without a at, .*\(the first is id=3\)"):
        captured(stage, "moves", TODAY)
    shop.run("update moves set at = '0000-00-00' where id = 3")
    shop.run("update moves set at = '2026-03-01' where id = 5")
    with pytest.raises(SourceError, match=r"moves has 1 rows without a at, .*\(the first is id=3\)"):
        captured(stage, "moves", TODAY)
    assert not lake.stored_days(MOVES)


def test_a_row_from_the_future_does_not_hide_the_later_ones(stage, lake, shop, moves):
    moves(1, "2026-03-09 10:00:00")
    moves(2, "9999-12-31 23:59:59", "forever")
    assert captured(stage, "moves", YESTERDAY).state.end_position == "at=2026-03-09 10:00:00"
    moves(3, "2026-03-10 10:00:00")
    shop.run("update moves set v = 'still' where id = 2")
    found = captured(stage, "moves", TODAY)
    assert dict(found.added) == {"c": 1, "u": 1}
    assert found.state.end_position == "at=2026-03-10 10:00:00"
    shop.run("update moves set at = '9999-12-31'")
    assert captured(stage, "moves", TODAY).state.end_position == "at=2026-03-10 10:00:00"


def test_an_empty_table_is_captured_and_goes_on_when_rows_come(stage, moves):
    assert captured(stage, "moves", YESTERDAY).state.end_position == "at="
    moves(1, "1999-01-01")
    assert dict(captured(stage, "moves", TODAY).added) == {"c": 1}


def test_a_new_column_or_another_cursor_reads_the_whole_table_again(stage, lake, shop, moves, monkeypatch):
    moves(1, "2020-01-01")
    moves(2, "2026-03-09 10:00:00")
    captured(stage, "moves", YESTERDAY)
    shop.run("alter table moves add column flag int default 5")
    assert dict(captured(stage, "moves", TODAY).added) == {"u": 2}
    shop.run("update moves set v = 'unseen' where id = 1")
    assert dict(captured(stage, "moves", TODAY).added) == {}
    declared(monkeypatch, cursor="id", overlap=0)
    found = captured(stage, "moves", TODAY)
    assert (dict(found.added), found.state.end_position) == ({"u": 1}, "id=2")


def test_a_table_that_was_compared_goes_on_by_cursor(stage, lake, shop, moves, monkeypatch):
    moves(1, "2026-03-01")
    declared(monkeypatch, strategy=Strategy.COMPARE, cursor="")
    captured(stage, "moves", YESTERDAY)
    shop.run("update moves set v = 'silent' where id = 1")
    declared(monkeypatch)
    assert dict(captured(stage, "moves", TODAY).added) == {"u": 1}


KINDS = {
    "bigint unsigned": ("bigint unsigned", 4, [18446744073709551600, 18446744073709551605, 18446744073709551615]),
    "negative": ("int", 3, [-10, -6, -5]),
    "decimal": (
        "decimal(38,10)",
        0,
        [
            Decimal("1234567890123456789012345678.0000000001"),
            Decimal("1234567890123456789012345678.5"),
            Decimal("1234567890123456789012345679.0000000001"),
        ],
    ),
    "date": ("date", timedelta(0), [date(2026, 3, 8), date(2026, 3, 9), date(2026, 3, 9)]),
    "timestamp": (
        "timestamp(6) null",
        timedelta(seconds=1),
        ["2026-03-09 10:00:00.000001", "2026-03-09 10:00:05", "2026-03-09 10:00:06"],
    ),
    "before all time": ("datetime", timedelta(days=900_000), ["1000-01-01", "1000-01-02", "1000-01-03"]),
}


@pytest.mark.parametrize(("kind", "overlap", "values"), KINDS.values(), ids=KINDS)
def test_every_kind_of_growing_column_serves(stage, shop, moves, reads, monkeypatch, kind, overlap, values):
    declared(monkeypatch, overlap=overlap)
    shop.run(f"alter table moves modify at {kind}")
    first, tie, last = values
    moves(1, first)
    moves(2, tie)
    captured(stage, "moves", YESTERDAY)
    moves(3, tie)
    moves(4, last)
    found = captured(stage, "moves", TODAY)
    assert dict(found.added) == {"c": 2}
    assert reads[-1] == (4 if kind == "datetime" else 3), "row 1 lies before the overlap"
    assert dict(captured(stage, "moves", TODAY).added) == {}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({"cursor": "v"}, r"a cursor v of type varchar\(20\), which does not grow", id="a text"),
        pytest.param({"cursor": "gone"}, r"no column gone, which the catalogue declares as its cursor", id="no column"),
        pytest.param(
            {"overlap": 5}, r"an overlap of another kind: declare it like overlap=timedelta", id="a number for a time"
        ),
        pytest.param(
            {"cursor": "id"}, r"an overlap of another kind: declare it like overlap=1000", id="a time for a number"
        ),
    ],
)
def test_a_cursor_that_cannot_serve_is_refused_by_name(stage, moves, monkeypatch, changes, said):
    declared(monkeypatch, **changes)
    with pytest.raises(SourceError, match=said):
        captured(stage, "moves", TODAY)


def test_another_server_is_refused(stage, moves, monkeypatch):
    moves(1, "2026-03-09")
    captured(stage, "moves", YESTERDAY)
    with source_of(stage) as source:
        identity = replace(source.identity(), server="mariadb:1")
    monkeypatch.setattr("refera_platform.source.connection.Source.identity", lambda self: identity)
    with pytest.raises(LakeError, match=r"refera resnapshot classicmodels\.moves"):
        captured(stage, "moves", TODAY)


def test_the_contract_is_the_same_as_that_of_every_strategy(stage, lake, moves):
    moves(1, "2026-03-09 10:00:00")
    captured(stage, "moves", TODAY)
    with source_of(stage) as source:
        url = lake.stored_days(MOVES)[TODAY].url
        described = source.connection.execute(f"describe select * from {raw_rows([url])}").fetchall()
    assert [row[:2] for row in described] == [
        ("id", "INTEGER"),
        ("at", "TIMESTAMP"),
        ("v", "VARCHAR"),
        ("_op", "VARCHAR"),
        ("_changed_at", "TIMESTAMP WITH TIME ZONE"),
        ("_position", "VARCHAR"),
    ]
