"""Keys that are one to the source and typed another way: nothing is lost and nothing doubled, whatever the strategy."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from refera_platform.lake.object_state import RawState
from refera_platform.reconcile import values
from refera_platform.source.table import SourceTable, Strategy
from refera_platform_tests.business import TODAY
from refera_platform_tests.checkout import declare
from refera_platform_tests.ingest.logged_tables import differences_of, raw_of, states_of
from refera_platform_tests.local_stack import captured

YESTERDAY = TODAY - timedelta(days=1)
CODES = SourceTable(database="classicmodels", name="codes", key=("code",), about="Rows that a text recognises.")
STRATEGIES = {
    "log": CODES,
    "compare": replace(CODES, strategy=Strategy.COMPARE),
    "cursor": replace(CODES, strategy=Strategy.CURSOR, cursor="at"),
}


@pytest.fixture(params=STRATEGIES)
def codes(request, shop, monkeypatch):
    """A table whose key ignores case, with two rows, by each strategy that follows a table."""
    shop.run(
        "create table codes (code varchar(9) collate utf8mb4_general_ci primary key, at datetime(3) not null, v int, key (at))"
    )
    shop.run("insert into codes values ('abc', '2026-03-09 10:00:00', 1), ('Écu', '2026-03-09 10:00:00', 2)")
    table = STRATEGIES[request.param]
    declare(monkeypatch, table)
    return table


def typed_anew(shop):
    shop.run("update codes set code = 'ABC ', v = 3, at = '2026-03-10 10:00:00' where code = 'abc'")
    shop.run("update codes set code = 'ecu', at = '2026-03-10 10:00:00' where code = 'Écu'")


def test_a_key_that_changes_its_case_ends_and_begins(stage, shop, codes):
    captured(stage, "codes", YESTERDAY)
    typed_anew(shop)
    came = captured(stage, "codes", TODAY)
    assert (came.lake_rows, came.source_rows, came.reconcile_result.agrees) == (2, 2, True)
    assert differences_of(stage, [codes]) == {}
    told = raw_of(stage, codes, "_op, code", TODAY)
    assert sorted(told) == [("c", "ABC "), ("c", "ecu"), ("d", "abc"), ("d", "Écu")]
    for was, now in (("abc", "ABC "), ("Écu", "ecu")):
        assert told.index(("d", was)) < told.index(("c", now)), "what is there is the newest change of the key"
    again = captured(stage, "codes", TODAY)
    assert (dict(again.added), again.lake_rows) == ({}, 2)


def test_a_new_baseline_ends_what_is_gone_before_it_tells_what_is_there(stage, shop, codes):
    captured(stage, "codes", YESTERDAY)
    typed_anew(shop)
    came = captured(stage, "codes", TODAY, afresh=True)
    assert (came.lake_rows, came.agrees) == (2, True)
    # what the binlog tells until the table is read is there, too
    ended = ["d", "c", "d", "c"] if codes.strategy is Strategy.LOG else ["d", "d"]
    assert [row[0] for row in raw_of(stage, codes, "_op, code", TODAY)] == [*ended, "r", "r"]
    assert differences_of(stage, [codes]) == {}


def test_keys_that_are_one_to_the_source_are_looked_up_as_they_are_typed(stage, shop, monkeypatch):
    """Else the row that is there would also be found by the key that is gone, in another question."""
    monkeypatch.setattr(values, "MAX_WHOLE_TABLE_ROWS", -1)
    monkeypatch.setattr(values, "WHOLE_TABLE_ROWS_PER_CHANGED_ROW", 0)
    monkeypatch.setattr(values, "LOOKUP_CHUNK_KEYS", 1)
    captured(stage, "payments", YESTERDAY)
    shop.run("update payments set checkNumber = 'c1' where checkNumber = 'C1'")
    came = captured(stage, "payments", TODAY).reconcile_result
    assert (came.scope, came.rows, came.agrees) == ("the 2 rows that changed", 1, True)


def test_an_object_says_how_the_source_compares_its_texts(stage, shop, codes):
    captured(stage, "codes", YESTERDAY)
    assert states_of(stage, codes)[YESTERDAY].collations == {"code": "utf8mb4_general_ci"}
    shop.run("alter table codes modify code varchar(9) collate utf8mb4_bin")
    captured(stage, "codes", TODAY)
    state = states_of(stage, codes)[TODAY]
    assert state.collations == {"code": "utf8mb4_bin"}
    older = json.loads(state.to_json())
    del older["collations"], older["checksum"]
    assert RawState.from_json(json.dumps(older), "an object of before").collations == {}
