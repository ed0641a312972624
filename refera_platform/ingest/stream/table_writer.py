"""From a day's rows of the log to its object: all shapes in one schema, rows that the log does not name, one PUT.

Stretch ──▶ DayWriter.write() ──▶ RawState of the committed object
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

import duckdb

from refera_platform.duckdb_session.quoting import literal, quoted
from refera_platform.ingest.stream.table_changes import (
    LOGGED,
    READ,
    Emptied,
    Stretch,
    position_of,
    position_prefix,
)
from refera_platform.lake.lake import Lake, RawObject, latest, object_rows, raw_rows, run, state_objects
from refera_platform.lake.local_copies import LocalCopies
from refera_platform.lake.object_state import RawState
from refera_platform.lake.schema_drift import folded, shapes_since
from refera_platform.lake.writer import nothing, write_day
from refera_platform.source.mysql.binlog.position import Position
from refera_platform.source.mysql.snapshot import Pulled
from refera_platform.source.row_changes import differences
from refera_platform.source.table import SourceTable

FIRST_ROW = f"{LOGGED}-{0:010d}"
"""The last two parts of the position of a transaction's first row."""


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A day's rows on their way to its object."""

    known: Mapping[date, RawObject]
    """The days before it, and what the day has already."""
    types: Mapping[str, str]
    """The type in which each column is written, also of those that are gone."""
    files: list[Path]
    """Local files of the rows that come to it."""
    added: dict[str, int]
    """How many these are, by ``_op``."""


@dataclass(frozen=True, kw_only=True)
class DayWriter:
    """Writes the days of one table during one pass."""

    lake: Lake
    connection: duckdb.DuckDBPyConnection
    table: SourceTable
    folder: Path
    is_exact: bool
    """Whether the snapshot shows what the log tells up to its place, and nothing more."""

    def write(
        self,
        stretch: Stretch,
        base: RawState,
        known: Mapping[date, RawObject],
        *,
        read: Pulled | None,
        cut: Position,
    ) -> tuple[RawObject, dict[str, int]]:
        """Commit one day; give its object and what was added, by ``_op``.

        Args:
            stretch: What the log told of it.
            base: State to begin from: positions, server and columns of the day before.
            known: The table's objects as they are now.
            read: The whole table as it was at ``cut``, when the log does not tell everything.
            cut: End of the log that was read.
        """
        day, window = stretch.window.day, stretch.window
        own = known.get(day)
        before = own if window.extends else None
        past = [item.state for other, item in known.items() if item.state.is_observed and other <= day]
        shapes = [
            *stretch.versions,
            *([{column.name: column.parquet_type for column in read.columns}] if read else []),
        ]
        newest = shapes[-1] if shapes else dict(base.columns)
        types = folded(self.table.address, [*shapes_since(past), *shapes])
        baseline = before.state.baseline if before else 0
        earlier = {other: item for other, item in known.items() if other < day or (before and other == day)}
        draft = Draft(known=earlier, types=types, files=list(stretch.files), added=dict(stretch.rows))
        for emptied in stretch.emptied:
            self._add_emptied(draft, emptied, position_prefix(day, baseline))
        is_in_order = not stretch.emptied and not (stretch.is_unsettled and self._add_ended(draft))
        if read:
            self._add_differences(draft, read, position_prefix(day, baseline), cut)
        table_rows: int | None
        if read:  # of an inexact snapshot the log tells some rows again, so that what comes after cannot be added up
            table_rows = read.rows if self.is_exact else None
        else:
            table_rows = None if stretch.is_unsettled else added_up(earlier, draft.added)
            if table_rows is None or base.source_rows not in (None, table_rows):  # a sum in doubt
                table_rows = self._count(draft)
        columns = {name: types[name] for name in newest}
        kept = before.state.rows if before else {}
        state = replace(
            base,
            day=day,
            columns=columns,
            is_observed=True,
            baseline=baseline,
            start_position=before.state.start_position if before else str(stretch.start),
            end_position=str(stretch.end),
            resume_position=str(stretch.resume),
            is_closed=stretch.is_closed,
            is_whole=before is not None and before.state.is_whole,
            is_settled=read is not None or not stretch.is_unsettled,
            is_replayable=(before is None or before.state.is_replayable) and read is None,
            unknown_since=before.state.unknown_since if before else "",
            unknown_until=before.state.unknown_until if before else "",
            passes=before.state.passes + 1 if before else 1,
            rows=sums(kept, draft.added),
            table_rows=table_rows,
            quirks=sums(before.state.quirks if before else {}, stretch.quirks),
            schema_version=base.schema_version + (dict(base.columns) != columns),
        )
        stored = write_day(
            self.lake,
            self.connection,
            self.table,
            state,
            self._rows(draft, state, is_in_order=is_in_order),
            extends=before is not None,
            before=own.stored if own else None,
            folder=self.folder,
        )
        return RawObject(day=day, stored=stored, state=state), draft.added

    def _rows(self, draft: Draft, state: RawState, *, is_in_order: bool) -> str:
        """SQL of the rows of some local files; columns that are gone stay where there are values."""
        if not draft.files:
            return nothing(state)
        relation = raw_rows([str(path) for path in draft.files])
        there = {row[0] for row in run(self.connection, f"describe select * from {relation}").fetchall()}
        names = [*state.columns, *(name for name in draft.types if name in there - state.columns.keys())]
        values = ", ".join(
            f"cast({quoted(name) if name in there else 'null'} as {draft.types[name]}) as {quoted(name)}"
            for name in names
        )
        order = "" if is_in_order else " order by _position"
        return f"select {values}, _op, _changed_at, _position from {relation}{order}"

    def _count(self, draft: Draft) -> int:
        """Rows of the table according to the lake and to what this pass has read so far, counted one by one."""
        there = self._state(draft, "true")
        found = run(self.connection, f"select count(*) from {there}").fetchone() if there else None
        return int(found[0]) if found else 0

    def _add_emptied(self, draft: Draft, emptied: Emptied, prefix: str) -> None:
        """A delete with its last known values for each row that was there when all went at once."""
        transaction = emptied.transaction
        place = prefix + position_of(transaction.place, LOGGED)
        there = self._state(draft, f"_position < {literal(place)}")
        if there is None:
            return
        key = ", ".join(quoted(name) for name in self.table.key)
        self._spool(
            draft,
            f"select * exclude (_op, _changed_at, _position), 'd' as _op,"
            f" to_timestamp({emptied.stamp}) as _changed_at, {literal(place)}"
            f" || lpad(cast(row_number() over (order by {key}) as varchar), 10, '0') as _position from {there}",
            f"emptied-{transaction.place.number}-{transaction.place.offset}",
        )

    def _add_ended(self, draft: Draft) -> bool:
        """A delete for each row whose key was created anew though no row event had ended it; says whether there is any.

        So it is when the table was exchanged for another one (RENAME, EXCHANGE PARTITION, CREATE OR REPLACE). The
        delete stands ahead of the transaction that created the key, behind everything before it.
        """
        if not draft.files:
            return False
        key = ", ".join(quoted(name) for name in self.table.key)
        created = f"(select * from {raw_rows([str(path) for path in draft.files])} where _op = 'c')"
        versions = object_rows(self._objects(draft), draft.types, files=draft.files)
        following = ", ".join(
            f"lead({name}) over (partition by {key} order by _position) as {quoted(f'{name} ')}"
            for name in ("_op", "_position", "_changed_at")
        )
        number = 'row_number() over (order by "_position ")'
        return self._spool(
            draft,
            f'select * exclude (_op, _changed_at, _position, "_op ", "_changed_at ", "_position "), \'d\' as _op,'
            f' "_changed_at " as _changed_at,'
            f" left(\"_position \", {-len(FIRST_ROW)}) || '{READ}-9' || lpad(cast({number} as varchar), 9, '0')"
            f" as _position from (select *, {following} from {versions} semi join {created} using ({key}))"
            f" where _op <> 'd' and \"_op \" = 'c' and \"_position \" in (select _position from {created})",
            "ended",
        )

    def _add_differences(self, draft: Draft, read: Pulled, prefix: str, cut: Position) -> None:
        """What differs between the table and what the log made of it."""
        there = self._state(draft, "true")
        now = read.relation
        columns = {column.name: draft.types[column.name] for column in read.columns}
        if there is None:
            rows = f"select *, 'c' as _op from {now}"
        else:
            seen = [row[0] for row in run(self.connection, f"describe select * from {there}").fetchall()]
            rows = differences(read=now, state=there, key=self.table.key, columns=columns, known=seen)
        self._spool(
            draft,
            f"select *, {_instant(read.read_at)} as _changed_at, {literal(prefix + position_of(cut, READ))}"
            f" || lpad(cast(row_number() over () as varchar), 10, '0') as _position from ({rows})",
            "differences",
        )

    def _state(self, draft: Draft, condition: str) -> str | None:
        """SQL of the rows that are there according to the lake and to what this pass has read so far."""
        objects = self._objects(draft)
        if not objects and not draft.files:
            return None
        rows = object_rows(objects, draft.types, files=draft.files)
        return latest(f"(select * from {rows} where {condition})", self.table.key)

    def _objects(self, draft: Draft) -> list[RawObject]:
        """The objects that the state is read from, as copies whose bytes were compared: what is read is written on."""
        return state_objects(LocalCopies(self.lake.objects, self.folder).of_state(draft.known))

    def _spool(self, draft: Draft, rows: str, name: str) -> bool:
        """Write some more rows; says whether there are any."""
        path = self.folder / f"{name}.parquet"
        there = {row[0] for row in run(self.connection, f"describe {rows}").fetchall()}
        # each in its own type: DuckDB holds BIGINT and BIGINT UNSIGNED together as HUGEINT, and writes that as a float
        cast = ", ".join(
            f"cast({quoted(column)} as {kind}) as {quoted(column)}"
            for column, kind in draft.types.items()
            if column in there
        )
        typed = f"select * replace ({cast}) from ({rows})" if cast else rows
        run(self.connection, f"copy ({typed}) to {literal(str(path))} (format parquet, compression lz4)")
        found = run(self.connection, f"select _op, count(*) from {raw_rows([str(path)])} group by all").fetchall()
        for operation, count in found:
            draft.added[operation] = draft.added.get(operation, 0) + count
        draft.files.extend([path] if found else [])
        return bool(found)


def added_up(known: Mapping[date, RawObject], added: Mapping[str, int]) -> int | None:
    """Rows at the end of a day by what came and went on it; ``None`` when nobody knows those before it."""
    before = [item.state.table_rows for item in known.values() if item.state.is_observed][-1:]
    if not before or before[0] is None:
        return None
    return before[0] + added.get("c", 0) - added.get("d", 0)


def sums(first: Mapping[str, int], second: Mapping[str, int]) -> dict[str, int]:
    """Counts of two passes added up."""
    return {name: first.get(name, 0) + second.get(name, 0) for name in sorted({*first, *second})}


def _instant(moment: datetime) -> str:
    return f"timestamptz {literal(moment.isoformat())}"
