"""A large table read in pieces, each at a moment of its own, is the table that one reading at the end would give."""

import random

import pytest

from refera_platform.duckdb_session.scratch import scratch_folder
from refera_platform.errors import LakeError, SourceError
from refera_platform.ingest.result import IngestFailure, IngestResult
from refera_platform.ingest.run import ingest_tables
from refera_platform.ingest.snapshot.chunk_staging import ChunkStaging, stage_chunk
from refera_platform.ingest.snapshot.chunks import ChunkLimits, PendingChunks
from refera_platform.lake.lake import Lake
from refera_platform.source.connection import open_source
from refera_platform.source.key_ranges import chunk_bounds, chunk_condition
from refera_platform.source.table import SourceTable
from refera_platform_tests.business import TODAY
from refera_platform_tests.checkout import find_table
from refera_platform_tests.ingest.logged_tables import differences_of, raw_of
from refera_platform_tests.local_stack import captures, context_of, own_stage, source_of

SMALL = ChunkLimits(max_rows=2, max_bytes=1 << 30)
LINES = find_table("orderdetails")


def capture_in_pieces(stage, table, sizes=SMALL, afresh=()):
    """One pass over one table."""
    with scratch_folder(stage) as folder, open_source(stage, "classicmodels", folder) as source:
        context = context_of(stage, source, folder, sizes)
        (came,) = ingest_tables(context, [table], [TODAY], resnapshot_names=afresh)
        return came


def stage_one(stage, came, number):
    """Read one piece, as an invocation of its own would."""
    with scratch_folder(stage) as folder, open_source(stage, "classicmodels", folder) as source:
        return stage_chunk(context_of(stage, source, folder), came.table, came.plan_id, number)


def declared(name, *key):
    return SourceTable(database="classicmodels", name=name, key=key, about="A table of a test.")


def test_changes_between_the_pieces_are_those_of_one_moment(stage, shop):
    began = capture_in_pieces(stage, LINES)
    assert isinstance(began, PendingChunks)
    assert (began.missing_numbers, began.chunk_count) == ((0, 1, 2), 3)
    shop.run("update orderdetails set quantityOrdered = 7 where orderNumber = 100 and productCode = 'P1'")
    assert stage_one(stage, began, 0).rows == 2
    shop.run("update orderdetails set quantityOrdered = 8 where orderNumber = 100 and productCode = 'P2'")
    shop.run("delete from orderdetails where orderNumber = 100 and productCode = 'P1'")
    shop.run("insert into orderdetails values (100, 'P3', 1, '2.00', 3)")  # into a piece that was read
    shop.run("insert into orderdetails values (103, 'P3', 1, '2.00', 3)")  # into one that was not
    shop.run("update orderdetails set orderNumber = 104, orderLineNumber = 2 where orderNumber = 102")  # moves on
    stage_one(stage, began, 1)
    shop.run("delete from orderdetails where orderNumber = 103 and productCode = 'P2'")
    stage_one(stage, began, 2)
    shop.run("update orderdetails set priceEach = '1.23' where orderNumber = 104 and productCode = 'P2'")
    came = capture_in_pieces(stage, LINES)
    assert isinstance(came, IngestResult)
    assert (came.agrees, came.reconcile_result.agrees, came.reconcile_result.rows, came.duplicate_rows) == (
        True,
        True,
        5,
        0,
    )
    assert dict(came.state.rows) == {"r": 5}
    assert came.state.source_money == "140.92"
    assert differences_of(stage, [LINES]) == {}
    assert ChunkStaging(Lake(stage), LINES).read_plan() is None
    assert not list(Lake(stage).objects.list("_staging/"))
    shop.run("update orderdetails set quantityOrdered = 9 where orderNumber = 104 and productCode = 'P2'")
    captures(stage, [LINES], TODAY)
    assert differences_of(stage, [LINES]) == {}


def test_the_object_is_the_one_that_a_reading_in_one_piece_makes(stage, shop, home):
    other = own_stage(home)
    assert isinstance(capture_in_pieces(other, LINES, sizes=None), IngestResult)
    began = capture_in_pieces(stage, LINES)
    for number in reversed(began.missing_numbers):
        stage_one(stage, began, number)
    assert isinstance(capture_in_pieces(stage, LINES), IngestResult)
    columns = "* exclude (_changed_at, _position)"
    assert sorted(raw_of(stage, LINES, columns)) == sorted(raw_of(other, LINES, columns))


def test_a_piece_is_read_once_and_the_others_are_left_alone(stage, shop):
    began = capture_in_pieces(stage, LINES)
    first = stage_one(stage, began, 1)
    shop.run("update orderdetails set quantityOrdered = 8 where orderNumber = 102")
    again = stage_one(stage, began, 1)
    assert again == first
    still = capture_in_pieces(stage, LINES)
    assert (still.plan_id, still.missing_numbers) == (began.plan_id, (0, 2))


def test_a_piece_of_another_plan_is_refused(stage, shop):
    began = capture_in_pieces(stage, LINES)
    for plan, number in (("0" * 32, 0), (began.plan_id, 3), (began.plan_id, -1)):
        other = PendingChunks(table=LINES, plan_id=plan, missing_numbers=(), chunk_count=3)
        with pytest.raises(LakeError, match="is not in its current plan"):
            stage_one(stage, other, number)


@pytest.mark.parametrize(
    "statement",
    ["alter table orderdetails add column note varchar(9)", "truncate table orderdetails"],
    ids=["altered", "emptied"],
)
def test_what_the_log_does_not_tell_throws_the_pieces_away(stage, shop, statement):
    began = capture_in_pieces(stage, LINES)
    for number in began.missing_numbers:
        stage_one(stage, began, number)
    shop.run(statement)
    if statement.startswith("truncate"):
        shop.run("insert into orderdetails select 100, productCode, 1, '1.00', 1 from products")
        shop.run("insert into orderdetails select 102, productCode, 1, '1.00', 1 from products")
    came = capture_in_pieces(stage, LINES)
    if isinstance(came, IngestFailure):
        assert "discarded" in str(came.error)
        assert came.error.is_transient
        came = capture_in_pieces(stage, LINES)
    assert isinstance(came, PendingChunks)
    assert came.plan_id != began.plan_id
    for number in came.missing_numbers:
        stage_one(stage, came, number)
    assert isinstance(capture_in_pieces(stage, LINES), IngestResult)
    assert differences_of(stage, [LINES]) == {}


def test_a_piece_notices_that_the_table_is_another_one(stage, shop):
    began = capture_in_pieces(stage, LINES)
    shop.run("alter table orderdetails modify quantityOrdered bigint not null")
    with pytest.raises(SourceError, match="changed while its chunks were read"):
        stage_one(stage, began, 0)
    assert ChunkStaging(Lake(stage), LINES).read_plan() is None


def test_a_new_baseline_is_read_in_pieces_too(stage, shop):
    captures(stage, [LINES], TODAY)
    assert isinstance(capture_in_pieces(stage, LINES), IngestResult), "nothing new is large"
    shop.run("delete from orderdetails where orderNumber = 100")
    sizes = ChunkLimits(max_rows=1, max_bytes=1 << 30)
    began = capture_in_pieces(stage, LINES, sizes, afresh={"orderdetails"})
    for number in began.missing_numbers:
        stage_one(stage, began, number)
    came = capture_in_pieces(stage, LINES, sizes, afresh={"orderdetails"})
    assert dict(came.added) == {"r": 3, "d": 2}
    assert differences_of(stage, [LINES]) == {}


@pytest.mark.parametrize(
    ("kinds", "values"),
    [
        ("k int", [(-5,), (0,), (3,), (9,), (2**31 - 1,)]),
        ("k bigint unsigned", [(0,), (7,), (2**63,), (2**64 - 1,)]),
        ("k decimal(20,5)", [("-1.5",), ("0.00001",), ("123456789012345.99999",)]),
        ("k varchar(20) collate utf8mb4_general_ci", [("a",), ("É",), ("b'\\",), ("z%",), ("",), ("日本",)]),
        ("k varchar(20) character set latin1", [("a",), ("é",), ("z",), ("",)]),
        ("k varbinary(8)", [(b"",), (b"\x00",), (b"\xff'",), (b"a\\",)]),
        ("k date", [("2026-01-01",), ("2026-01-02",), ("1000-01-01",), ("9999-12-31",)]),
        ("k datetime(6)", [("2026-01-01 00:00:00.000001",), ("2026-01-01 00:00:00.000002",)]),
        (
            "a int, b varchar(9), c date",
            [
                (1, "x", "2026-01-01"),
                (1, "x", "2026-01-02"),
                (1, "y", "2025-01-01"),
                (2, "a", "2026-01-01"),
                (2, "b", "2026-01-01"),
            ],
        ),
    ],
)
def test_every_row_is_in_one_piece(stage, shop, kinds, values):
    names = [part.split()[0] for part in kinds.split(", ")]
    shop.run(f"create table divided ({kinds}, v int, primary key ({', '.join(names)}))")
    for row in values:
        shop.run(f"insert into divided values ({', '.join(['%s'] * len(row))}, 1)", row)
    table = declared("divided", *names)
    with source_of(stage) as source:
        columns = source.columns(table)
        for each in (1, 2, 3):
            ends = chunk_bounds(source, table, columns, each)
            assert len(ends) == len(values) // each
            parts = [chunk_condition(table, columns, ends, piece) for piece in range(len(ends) + 1)]
            counts = [source.ask(f"select count(*) from divided where {part}")[0][0] for part in parts]
            assert counts == [each] * len(ends) + [len(values) % each]
            doubled = " + ".join(f"({part})" for part in parts)
            assert source.ask(f"select count(*) from divided where {doubled} <> 1")[0][0] == 0


def test_a_key_that_cannot_be_divided_is_refused_by_name(stage, shop):
    shop.run("create table divided (k enum('b', 'a', 'c') primary key)")
    shop.run("insert into divided values ('a'), ('b'), ('c')")
    came = capture_in_pieces(stage, declared("divided", "k"), ChunkLimits(max_rows=1, max_bytes=1 << 30))
    assert isinstance(came, IngestFailure)
    assert "cannot be divided" in str(came.error)


def test_the_bytes_of_a_row_make_pieces_smaller():
    assert ChunkLimits(max_rows=1000, max_bytes=10_000).max_rows_for(100) == 100
    assert ChunkLimits(max_rows=50, max_bytes=10_000).max_rows_for(100) == 50
    assert ChunkLimits(max_rows=50, max_bytes=10).max_rows_for(100) == 1


@pytest.mark.parametrize("seed", range(3))
def test_random_lives_of_a_table_while_its_pieces_are_read(stage, shop, seed):
    dice = random.Random(seed)
    shop.run("create table lives (k varchar(9) collate utf8mb4_bin primary key, v int, w varchar(40))")
    table = declared("lives", "k")
    alive = set()

    def live(steps):
        for _ in range(steps):
            key, kind = f"k{dice.randrange(60):02}", dice.randrange(4)
            if key not in alive:
                shop.run("insert into lives values (%s, %s, 'é')", (key, dice.randrange(99)))
                alive.add(key)
            elif kind == 0:
                shop.run("delete from lives where k = %s", (key,))
                alive.discard(key)
            elif kind == 1 and (other := f"k{dice.randrange(60):02}") not in alive:
                shop.run("update lives set k = %s where k = %s", (other, key))
                alive.symmetric_difference_update({key, other})
            else:
                shop.run("update lives set v = %s, w = null where k = %s", (dice.randrange(99), key))

    live(80)
    sizes = ChunkLimits(max_rows=5, max_bytes=1 << 30)
    began = capture_in_pieces(stage, table, sizes)
    order = list(began.missing_numbers)
    dice.shuffle(order)
    for number in order:
        live(8)
        stage_one(stage, began, number)
    live(10)
    came = capture_in_pieces(stage, table, sizes)
    assert (came.agrees, came.reconcile_result.agrees, came.lake_rows) == (True, True, len(alive))
    assert differences_of(stage, [table]) == {}
