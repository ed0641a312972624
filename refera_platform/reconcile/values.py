"""Whether the lake holds the values of the source: count and a checksum of each column, both at one position.

The whole table when it is small, else the rows whose keys changed on the pass's days. What changed at the source after
the newest day is replayed first, so that both sides show one moment. A difference is narrowed down to its first row:

    checksums ──differ──▶ buckets of keys, or chunk of keys ──▶ numbers of each row there ──▶ key, column, both values
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from refera_platform.duckdb_session.quoting import literal, quoted
from refera_platform.errors import ReferaError
from refera_platform.lake.isolation import isolated
from refera_platform.lake.lake import RawObject, latest, object_rows, state_objects
from refera_platform.lake.schema_evolution import respelled
from refera_platform.reconcile.first_difference import Difference, first_difference
from refera_platform.reconcile.hashed_rows import HashedRows
from refera_platform.reconcile.result import ALL_ROWS, Reconciled
from refera_platform.source.checksum import Checksums
from refera_platform.source.connection import Source
from refera_platform.source.indexes import indexes
from refera_platform.source.table import SourceTable

WHOLE = 50_000
"""Rows up to which a whole table is compared."""
WHOLE_ANEW = 300_000
"""The same for a table that begins anew, once."""
SHARE = 4
"""A larger table is compared whole when a quarter of it changed: to look a row up costs as much as to read a few."""
CHUNK = 500
"""Keys that are looked up in one statement."""
MOST = 100_000
"""Rows, about, that are looked at one by one to find the first that differs."""


@dataclass(frozen=True, kw_only=True)
class Present:
    """What a pass knows of the moment that both sides are compared at."""

    days: Mapping[date, RawObject]
    """The table's days as they are now."""
    written: Collection[date]
    """Those that the pass wrote, or found as they should be."""
    source_rows: int
    """Rows of the table at the source."""
    behind: Sequence[Path] = ()
    """Local files of what the log tells between the newest day and the snapshot."""
    is_anew: bool = False
    """Whether the table begins anew with the pass."""
    own_pass: str = ""
    """Beginning of the positions that the pass gave, when only its own rows can be compared."""


def reconciled(source: Source, table: SourceTable, present: Present, folder: Path) -> Reconciled:
    """Compare a table; whatever stands in the way is told, and not raised: what is committed stays committed.

    Args:
        source: A session inside of the snapshot that the pass reads.
        table: What is compared.
        present: The lake's side.
        folder: Local folder of the pass.
    """
    started = time.monotonic()
    try:
        with isolated(table):
            found = _Comparison(source, table, present, folder).run()
    except ReferaError as trouble:
        found = Reconciled(scope="nothing", trouble=str(trouble))
    return replace(found, seconds=time.monotonic() - started)


class _Comparison:
    """One table: what is compared of it, and where."""

    def __init__(self, source: Source, table: SourceTable, present: Present, folder: Path) -> None:
        there = source.columns(table)
        self._objects = state_objects(present.days)
        kinds = respelled(self._objects[-1].state.columns, [each.name for each in there])
        compared = tuple(each for each in there if not each.is_hashed and each.name in kinds)
        self._left_out = tuple(sorted({each.name for each in there if each not in compared} | table.private))
        self._checksums = Checksums(table=table, columns=compared, kinds=kinds)
        self._source, self._table, self._present, self._folder = source, table, present, folder

    @property
    def _written(self) -> list[RawObject]:
        """The objects of the pass's days that hold changes, and not only rows that were read."""
        days = self._present.days
        return [days[day] for day in sorted(self._present.written) if _changes(days[day])]

    def run(self) -> Reconciled:
        """Compare what is to be compared."""
        changes = sum(_changes(item) for item in self._written)
        limit = max(WHOLE_ANEW if self._present.is_anew else WHOLE, SHARE * changes)
        if self._present.source_rows <= limit and not self._present.own_pass:
            return self._whole()
        changed = self._changed() if self._written or self._present.behind else None
        count = changed.count() if changed else 0
        if not changed or not count:
            why = "No row changed, and the table is too large to be compared whole each day: `refera verify` does."
            return self._told("nothing", why_not="Nothing changed." if self._present.own_pass else why)
        scope = f"the {count} rows that changed"
        if not self._can_look_up():
            why = "No index of the source serves its key, and the table is too large to be compared whole each day:"
            return self._told(scope, why_not=f"{why} `refera verify` does.")
        return self._by_key(changed, scope)

    def _told(self, scope: str, *, rows: int = 0, first: Difference | None = None, why_not: str = "") -> Reconciled:
        names = () if why_not else tuple(each.name for each in self._checksums.columns)
        return Reconciled(
            scope=scope,
            rows=rows,
            columns=names,
            left_out=self._left_out,
            why_not=why_not,
            first=first.told if first else "",
            first_place=first.place if first else "",
            first_columns=first.columns if first else "",
        )

    def _whole(self) -> Reconciled:
        rows, versions = self._rows(self._objects), sum(item.state.row_count for item in self._objects)
        there = self._hashed(
            lambda where: latest(f"(select * from {rows} where {where})", self._table.key), versions, "whole"
        )
        scope = ALL_ROWS
        found = tuple(map(int, self._source.ask(self._checksums.server_sums("true"))[0]))
        if found == there.sums():
            return self._told(scope, rows=found[0])
        there.write()
        answers = self._source.ask(self._checksums.server_buckets())
        theirs = {str(name): tuple(map(int, sums)) for name, *sums in answers}
        ours = there.buckets()
        differ = sorted(
            name for name in {*theirs, *ours} if theirs.get(name) != ours.get(name)
        )  # an absent bucket is one without rows
        size = max(found[0], there.count()) // max(len(ours), len(theirs), 1) + 1
        differ = differ[: max(1, MOST // size)]
        where = f"{self._checksums.server_bucket} in ({', '.join(map(literal, differ))})"
        first = first_difference(self._source, there, there.of_buckets(differ), where, self._folder)
        return self._told(scope, rows=found[0], first=first)

    def _by_key(self, changed: HashedRows, scope: str) -> Reconciled:
        rows = 0
        for keys, sums, part in changed.chunks(CHUNK):
            where = self._checksums.having_keys(keys)
            found = tuple(map(int, self._source.ask(self._checksums.server_sums(where))[0]))
            rows += found[0]
            if found != sums:
                first = first_difference(self._source, changed, part, where, self._folder)
                return self._told(scope, rows=rows, first=first)
        return self._told(scope, rows=rows)

    def _changed(self) -> HashedRows:
        """The last version of each row that changed, deleted ones too: of those days alone, which have the newest."""
        rows, key = self._rows(self._written), ", ".join(quoted(name) for name in self._table.key)
        read = f"select coalesce(max(_position), '') from {rows} where _op = 'r'"  # and what is older changed before it
        own = f"starts_with(_position, {literal(self._present.own_pass)})"

        def changed(where: str) -> str:
            some = f"(select * from {rows} where _op <> 'r' and {own} and _position > ({read}) and {where})"
            return f"(select * from {some} where _position in (select max(_position) from {some} group by {key}))"

        return self._hashed(changed, sum(map(_changes, self._written)), "changed").write()

    def _rows(self, objects: Sequence[RawObject]) -> str:
        return object_rows(objects, self._checksums.kinds, files=self._present.behind)

    def _hashed(self, rows: Callable[[str], str], versions: int, name: str) -> HashedRows:
        return HashedRows(
            connection=self._source.connection,
            checksums=self._checksums,
            rows=rows,
            versions=versions,
            path=self._folder / f"hashes-of-{name}.parquet",
        )

    def _can_look_up(self) -> bool:
        found = indexes(self._source.ask, self._source.database.name).get(self._table.name, [])
        named = {name.lower() for name in self._table.key}
        served = any({name.lower() for name in each.columns[: len(named)]} == named for each in found)
        return self._checksums.can_look_up and served


def _changes(item: RawObject) -> int:
    """Rows of an object that tell of a change."""
    return sum(count for op, count in item.state.rows.items() if op != "r")
