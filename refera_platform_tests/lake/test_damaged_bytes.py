"""A bit that is flipped between store and platform is never written on, and what it damages heals by itself."""

import random
import re
from dataclasses import replace

import pytest

from refera_platform.errors import DamagedError, LakeError
from refera_platform.ingest.snapshot.chunk_staging import ChunkStaging
from refera_platform.ingest.snapshot.chunks import PendingChunks
from refera_platform.lake.lake import Lake
from refera_platform.lake.local_copies import LocalCopies
from refera_platform.lake.object_state import RawState
from refera_platform.source.table import Strategy
from refera_platform_tests.business import TODAY
from refera_platform_tests.checkout import find_table
from refera_platform_tests.fault_proxy import Answer, before_the_store, flipped
from refera_platform_tests.ingest.logged_tables import differences_of, raw_of
from refera_platform_tests.ingest.test_chunks import LINES, capture_in_pieces, stage_one
from refera_platform_tests.local_stack import captured, captures

PICTURE = random.Random(11).randbytes(200_000)
"""Bytes that no compression shrinks: a bit of them is flipped without any reader noticing."""
ROWS = r"^GET [^?]*/raw/.*part-0\.parquet"
COLUMNS = "productLine, md5(image), _op, _position"


def picture_flipped(answer: Answer) -> Answer:
    """Damage answers that hold rows; footers have checksums of their own."""
    return flipped(answer) if len(answer.body) > len(PICTURE) else answer


def unchecked(copies, etags, sha256=None):
    """As it was: DuckDB reads from the store."""
    return {key: copies._objects.url(key) for key in etags}


@pytest.fixture
def pictured(stage, shop):
    """A lake with a picture in it, and a change behind it at the source."""
    shop.run("insert into productlines values ('Planes', 'text', null, %s)", [PICTURE])
    captured(stage, "productlines", TODAY)
    shop.run("update productlines set textDescription = 'other' where productLine = 'Cars'")
    return stage


@pytest.mark.parametrize("is_checked", [True, False], ids=["checked", "unchecked"])
def test_a_day_that_grows_keeps_the_rows_that_it_had(pictured, monkeypatch, is_checked):
    was = raw_of(pictured, "productlines", COLUMNS)
    if not is_checked:
        monkeypatch.setattr(LocalCopies, "paths", unchecked)
    with before_the_store(pictured) as (broken, proxy):
        proxy.breaks(ROWS, picture_flipped)
        if is_checked:
            with pytest.raises(DamagedError, match="are not those that were written"):
                captured(broken, "productlines", TODAY)
        else:
            captured(broken, "productlines", TODAY)
    assert (set(was) <= set(raw_of(pictured, "productlines", COLUMNS))) is is_checked
    if is_checked:
        captured(pictured, "productlines", TODAY)
        assert set(was) < set(raw_of(pictured, "productlines", COLUMNS))
        assert differences_of(pictured, [find_table("productlines")]) == {}


def test_one_flipped_bit_on_the_way_is_asked_for_again(pictured):
    hits = list[Answer]()

    def once(answer: Answer) -> Answer:
        if len(answer.body) <= len(PICTURE) or hits:
            return answer
        hits.append(answer)
        return flipped(answer)

    with before_the_store(pictured) as (broken, proxy):
        proxy.breaks(ROWS, once)
        captured(broken, "productlines", TODAY)
    assert hits
    assert differences_of(pictured, [find_table("productlines")]) == {}


@pytest.mark.parametrize("strategy", [Strategy.COMPARE, Strategy.LOG], ids=["compare", "resnapshot"])
def test_what_is_compared_with_the_lake_is_what_was_written(stage, shop, strategy):
    """A flipped key would be a row that came and one that went."""
    table = replace(find_table("productlines"), strategy=strategy)
    shop.run("insert into productlines values ('Planes', 'text', null, %s)", [PICTURE])
    captures(stage, [table], TODAY)
    shop.run("update productlines set textDescription = 'other' where productLine = 'Cars'")
    was = raw_of(stage, table, COLUMNS)
    with before_the_store(stage) as (broken, proxy):
        proxy.breaks(ROWS, picture_flipped)
        with pytest.raises(DamagedError):
            captures(broken, [table], TODAY, afresh=strategy is Strategy.LOG)
    assert raw_of(stage, table, COLUMNS) == was


def test_a_piece_that_was_damaged_is_thrown_away_and_read_again(stage, shop):
    began = capture_in_pieces(stage, LINES)
    assert isinstance(began, PendingChunks)
    for number in began.missing_numbers:
        stage_one(stage, began, number)
    with before_the_store(stage) as (broken, proxy):
        proxy.breaks(r"^GET [^?]*piece-00001\.parquet", whole_flipped)
        came = capture_in_pieces(broken, LINES)
        assert isinstance(came.error, DamagedError)
    assert ChunkStaging(Lake(stage), LINES).read_plan() is None
    assert isinstance(capture_in_pieces(stage, LINES), PendingChunks)


def whole_flipped(answer: Answer) -> Answer:
    """Only of answers that are a whole object: DuckDB asks for ranges."""
    return flipped(answer) if answer.status == 200 else answer


def test_a_state_that_was_damaged_is_not_believed():
    state = RawState(
        database="shop",
        table="orders",
        day=TODAY,
        strategy="log",
        server="s",
        schema="shop",
        start_position="",
        end_position="2026-03-10-0001",
    )
    text = state.to_json()
    assert RawState.from_json(text, "here") == state
    with pytest.raises(DamagedError, match="The state that here carries is not the one that was written"):
        RawState.from_json(text.replace("-0001", "-0003"), "here")
    old = re.sub(r', "checksum": "[0-9a-f]+"', "", text)
    assert old != text
    assert RawState.from_json(old, "here") == state


def test_a_state_that_is_damaged_on_the_way_stops_its_table(pictured):
    def changed(answer: Answer) -> Answer:
        return replace(answer, body=answer.body.replace(b'"strategy": "log"', b'"strategy": "lox"'))

    with before_the_store(pictured) as (broken, proxy):
        proxy.breaks(ROWS, changed)
        with pytest.raises(LakeError, match="its checksum differs"):
            captured(broken, "productlines", TODAY)
