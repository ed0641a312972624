"""Random tables, random changes, random days, re-runs and kills: log and compare both end with the source's rows.

Some seeds in ``make test``; ``make stress`` goes on for as long as it is told.
"""

import itertools
import json
import time
import uuid
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as some

from refera_platform.duckdb_session.scratch import scratch_folder
from refera_platform.ingest.result import IngestResult
from refera_platform.ingest.run import ingest_tables
from refera_platform.lake.objects import ObjectRoot
from refera_platform.source.connection import open_source
from refera_platform_tests.business import TODAY
from refera_platform_tests.ingest.extractor import table_of
from refera_platform_tests.ingest.logged_tables import differences_of, raw_of, states_of
from refera_platform_tests.local_stack import captures, context_of, evening

KINDS = {
    "int": some.integers(-(2**31), 2**31 - 1),
    "bigint unsigned": some.integers(0, 2**64 - 1),
    "decimal(12,3)": some.decimals(-(10**8), 10**8, places=3),
    "varchar(40)": some.text(some.characters(codec="utf-8", exclude_characters="\0"), max_size=20),
    "varchar(20) character set latin1": some.text("abçé ' \\", max_size=9),
    "char(5) character set utf16": some.text("añ€", max_size=5),
    "text": some.text("tê\r\n", max_size=9),
    "datetime(3)": some.datetimes().map(lambda found: found.replace(year=2000, microsecond=0)),
    "timestamp(6) null": some.datetimes().map(lambda found: found.replace(year=2020)),
    "date": some.dates(),
    "time(2)": some.integers(-3_020_399, 3_020_399).map(
        lambda found: f"{'-' * (found < 0)}{abs(found) // 3600}:{abs(found) // 60 % 60:02d}:{abs(found) % 60:02d}.25"
    ),
    "year": some.integers(1901, 2155),
    "bit(13)": some.integers(0, 2**13 - 1),
    "varbinary(20)": some.binary(max_size=12),
    "binary(6)": some.binary(max_size=6),
    "enum('a','B','ç')": some.sampled_from(["a", "B", "ç"]),
    "set('x','y','z')": some.sampled_from(["", "x", "x,z", "x,y,z"]),
    "double": some.floats(allow_nan=False, allow_infinity=False, width=32),
    "json": some.dictionaries(some.text("abç", max_size=3), some.integers(), max_size=2).map(json.dumps),
}
KEYS = {
    "k int": some.integers(1, 6),
    "k varchar(9) collate utf8mb4_bin": some.sampled_from(["", "a", "A", "a b", "ç", "zz"]),
    "k bigint unsigned": some.sampled_from([0, 1, 2**63, 2**64 - 1]),
    "k decimal(20,2)": some.sampled_from(["0.00", "0.01", "-0.01", "123456789012345678.99"]),
    "k binary(3)": some.sampled_from([b"abc", b"abd", b"\0\0\1", b"\xff\xff\xff"]),
}
STEP = some.sampled_from(
    [
        "insert",
        "insert",
        "insert",
        "update",
        "update",
        "delete",
        "rekey",
        "replace",
        "truncate",
        "rollback",
        "add",
        "drop",
        "rename",
        "widen",
        "rebuild",
        "rotate",
        "day",
        "day",
        "missed day",
        "rerun",
        "rerun closed",
        "kill",
    ]
)
WIDER = {"int": "bigint", "decimal(12,3)": "decimal(20,5)", "varchar(40)": "text", "varbinary(20)": "blob"}
ONE = timedelta(days=1)
LIVES = 15
"""Lives of a seed."""


class KilledError(BaseException):
    """The process is gone, which no boundary around a table holds up."""


class World:
    """A table at the source, and the same table in the lake by two strategies."""

    def __init__(self, stage, shop, data):
        own = uuid.uuid4().hex[:8]
        self.stage, self.shop, self.data = replace(stage, lake=f"{stage.lake}/{own}"), shop, data
        self.day = self.first = TODAY - 9 * ONE
        self.missed = []
        kinds = data.draw(some.lists(some.sampled_from(sorted(KINDS)), min_size=1, max_size=4))
        self.columns = {f"c{index}": kind for index, kind in enumerate(kinds)}
        self.added = len(self.columns)
        self.key_kind = data.draw(some.sampled_from(sorted(KEYS)))
        has_two = data.draw(some.booleans())
        self.key = ("k", "second") if has_two else ("k",)
        key = f"{self.key_kind} not null{', second tinyint not null' if has_two else ''}"
        name = f"t{own}"
        declared = f"{name}:{','.join(self.key)}"
        self.logged, self.compared = table_of(declared), table_of(f"{declared}:compare")
        definitions = ", ".join(f"{column} {null(kind)}" for column, kind in self.columns.items())
        shop.run(f"create table {name} ({key}, {definitions}, primary key ({', '.join(self.key)}))")

    @property
    def compared_stage(self):
        """The stage of the strategy that compares."""
        return replace(self.stage, lake=f"{self.stage.lake}-compared")

    def key_values(self):
        """Random values of a key."""
        drawn = [self.data.draw(KEYS[self.key_kind]), self.data.draw(some.integers(-1, 1))]
        return dict(zip(self.key, drawn, strict=False))

    def values(self):
        """Random values of a row besides its key."""
        drawn = [self.data.draw(some.none() | KINDS[kind]) for kind in self.columns.values()]
        return dict(zip(self.columns, drawn, strict=True))

    def capture(self):
        """Both strategies, at the end of the day; the days that were missed with it."""
        for stage, table in ((self.stage, self.logged), (self.compared_stage, self.compared)):
            (came,) = captures(stage, [table], *self.missed_since_the_first(stage, table), self.day)
            assert (
                came.source_rows
                == came.lake_rows
                == (came.state.table_rows if table is self.logged else came.lake_rows)
            )
            assert came.reconcile_result.agrees, came.reconcile_result
            assert came.reconcile_result.columns, came.reconcile_result
        self.missed.clear()

    def missed_since_the_first(self, stage, table):
        """The missed days that can be had: what was before the first capture is nobody's."""
        first = min(states_of(stage, table), default=self.day)
        return [day for day in self.missed if day > first]

    def step(self, what):
        """Do one thing."""
        where = f"_{what.replace(' ', '_')}"
        getattr(self, where)()

    def _insert(self, verb="insert ignore", end="commit"):
        row = {**self.key_values(), **self.values()}
        marks = ", ".join(["%s"] * len(row))
        self.shop.run("begin")
        self.shop.run(f"{verb} into {self.logged.name} ({', '.join(row)}) values ({marks})", list(row.values()))
        self.shop.run(end)

    def _replace(self):
        self._insert(verb="replace")

    def _rollback(self):
        self._insert(end="rollback")

    def _update(self):
        row, key = self.values(), self.key_values()["k"]
        pairs = ", ".join(f"{column} = %s" for column in row)
        self.shop.run(f"update {self.logged.name} set {pairs} where k >= %s", [*row.values(), key])

    def _delete(self):
        self.shop.run(f"delete from {self.logged.name} where k = %s", [self.key_values()["k"]])

    def _rekey(self):
        now, then = self.key_values()["k"], self.key_values()["k"]
        self.shop.run(f"update ignore {self.logged.name} set k = %s where k = %s", [now, then])

    def _truncate(self):
        self.shop.run(f"truncate table {self.logged.name}")

    def _add(self):
        kind, name = self.data.draw(some.sampled_from(sorted(KINDS))), f"c{self.added}"
        place = self.data.draw(some.sampled_from(["first", "after k", ""]))
        default = "default 1" if kind in {"int", "bigint unsigned", "decimal(12,3)", "double"} else ""
        self.shop.run(f"alter table {self.logged.name} add column {name} {null(kind)} {default} {place}")
        self.columns[name] = kind
        self.added += 1

    def _drop(self):
        if len(self.columns) > 1:
            column = self.data.draw(some.sampled_from(sorted(self.columns)))
            self.shop.run(f"alter table {self.logged.name} drop column {column}")
            del self.columns[column]

    def _rename(self):
        column, name = self.data.draw(some.sampled_from(sorted(self.columns))), f"c{self.added}"
        self.shop.run(f"alter table {self.logged.name} rename column {column} to {name}")
        self.columns[name] = self.columns.pop(column)
        self.added += 1

    def _widen(self):
        column = self.data.draw(some.sampled_from(sorted(self.columns)))
        if wider := WIDER.get(self.columns[column]):
            self.shop.run(f"alter table {self.logged.name} modify {column} {null(wider)}")

    def _rebuild(self):
        name = self.logged.name
        for statement in (
            f"create table {name}_new like {name}",
            f"insert into {name}_new select * from {name}",
            f"rename table {name} to {name}_old, {name}_new to {name}",
            f"drop table {name}_old",
        ):
            self.shop.run(statement)

    def _rotate(self):
        name = self.logged.name
        for statement in (
            f"rename table {name} to {name}_old",
            f"create table {name} like {name}_old",
            f"insert into {name} select * from {name}_old where length(k) > 1",
            f"drop table {name}_old",
        ):
            self.shop.run(statement)

    def _day(self):
        self.capture()
        self._missed_day()
        self.missed.clear()

    def _missed_day(self):
        self.missed.append(self.day)
        self.day += ONE
        self.shop.at(self.day)

    def _rerun(self):
        self.capture()

    def _rerun_closed(self):
        """Days that are over and captured, run again, have the rows that they had."""
        closed = [day for day, state in states_of(self.stage, self.logged).items() if state.is_closed]
        if not closed:
            return
        first = self.data.draw(some.sampled_from(closed))
        days = [day for day in closed if first <= day <= first + ONE]
        before = {day: raw_of(self.stage, self.logged, "*", day) for day in days}
        at = replace(self.stage, clock=self.stage.at_instant(evening(self.day)).clock)
        with scratch_folder(at) as folder, open_source(at, "classicmodels", folder) as source:
            for came in ingest_tables(context_of(at, source, folder), [self.logged], days):
                assert isinstance(came, IngestResult), came.error
        assert {day: raw_of(self.stage, self.logged, "*", day) for day in days} == before

    def _kill(self):
        """A capture that dies at the moment of one of its commits."""
        survives, put = self.data.draw(some.integers(0, 2)), ObjectRoot.put

        def dies(*arguments, **options):
            nonlocal survives
            survives -= 1
            if survives < 0:
                raise KilledError
            return put(*arguments, **options)

        with pytest.MonkeyPatch.context() as patched, suppress(KilledError):
            patched.setattr(ObjectRoot, "put", dies)
            captures(self.stage, [self.logged], *self.missed_since_the_first(self.stage, self.logged), self.day)


def null(kind):
    """A kind of column that may be NULL."""
    return kind if kind.endswith("null") else f"{kind} null"


def live(stage, shop, data):
    """One random life of a table."""
    world = World(stage, shop, data)
    shop.run("set session sql_mode = ''")
    shop.at(world.day)
    steps = data.draw(some.lists(STEP, min_size=5, max_size=25))
    for what in steps:
        if "day" not in what or world.day < TODAY:
            world.step(what)
    world.capture()
    try:
        assert differences_of(world.stage, [world.logged]) == {}
        assert differences_of(world.compared_stage, [world.compared]) == {}
        rows = raw_of(world.stage, world.logged, f"_position, _op, {', '.join(world.key)}")
        assert len(rows) == len({position for position, *_ in rows})
        there = set()
        for _, op, *key in rows:
            assert not (op == "c" and tuple(key) in there), "created while it was there"
            (there.discard if op == "d" else there.add)(tuple(key))
    finally:
        shop.run(f"drop table {world.logged.name}")


def test_log_and_compare_end_with_the_rows_of_the_source(stage, shop, stress_seconds):
    until = time.monotonic() + stress_seconds
    for number in itertools.count():  # the seed that a failure is told with

        @seed(number)
        @settings(
            max_examples=LIVES,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink] if stress_seconds else [Phase.generate],
        )
        @given(some.data())
        def lived(data):
            live(stage, shop, data)

        lived()
        if time.monotonic() >= until:
            break
