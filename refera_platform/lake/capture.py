"""Capturing days of one table: the whole way from the source to a committed object.

    source ──pull──▶ local file ──compare with the lake's state──▶ changes ──▶ day=… (one atomic PUT)

Run it again at any moment: what is committed is the state it starts from, so nothing is doubled and nothing lost.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from refera_platform.clock import Clock
from refera_platform.engine import literal
from refera_platform.errors import LakeError
from refera_platform.lake import days as calendar
from refera_platform.lake import layout
from refera_platform.lake.drift import carried
from refera_platform.lake.lake import Lake, RawObject, current_state, raw_rows, run
from refera_platform.lake.state import RawState
from refera_platform.lake.writer import addition, nothing, write_day
from refera_platform.source.compare import differences
from refera_platform.source.connection import Identity, Source
from refera_platform.source.pull import Pulled, pull
from refera_platform.source.table import SourceTable, Strategy


@dataclass(frozen=True, kw_only=True)
class Captured:
    """What came of capturing some days of a table."""

    table: SourceTable
    day: date
    """The day that was filled."""
    state: RawState
    """What the day's object says of itself now."""
    added: Mapping[str, int] = field(default_factory=dict)
    """Rows that this run added, by ``_op``; empty when nothing had changed."""
    gone: tuple[str, ...] = ()
    """Columns that the object before had and the source has no more."""
    unseen: tuple[date, ...] = ()
    """Days that were closed as never looked at."""
    kept: tuple[date, ...] = ()
    """Requested days that were captured already."""
    source_rows: int
    """Rows the source gave."""
    source_counted: tuple[int, int]
    """Rows the source counted before and after."""
    lake_rows: int
    """Rows of the lake's current state after the commit, read back from the store."""
    rows_twice: int
    """Raw rows that share their position with another one: what a retry must never leave behind."""
    url: str
    """Address of the day's object."""
    bytes: int
    """Size of the day's object."""
    seconds: float

    @property
    def agrees(self) -> bool:
        """Whether source and lake hold the same number of rows."""
        low, high = min(self.source_counted), max(self.source_counted)
        return self.source_rows == self.lake_rows and low <= self.source_rows <= high


def capture(
    lake: Lake, source: Source, table: SourceTable, requested: Sequence[date], clock: Clock, folder: Path
) -> Captured:
    """Bring the newest of the requested days up to the source's present.

    Args:
        lake: Where to.
        source: An open session of the table's database, which can also read the lake.
        table: What.
        requested: Days, in any order.
        clock: The present.
        folder: Local folder for files of this call alone.

    Raises:
        DayRefused: when a requested day cannot be had; nothing was read.
        SourceError: when the source cannot be read as declared.
        LakeError: when the store, the identity of the server or the schema stands in the way.
    """
    started = time.monotonic()
    known = lake.days(table, source.connection)
    plan = calendar.plan(table.address, sorted(set(requested)), known, clock)
    newest = _newest(known)
    identity = _require_same_server(source, table, newest)
    read = pull(source, table, folder / "read.parquet", clock)
    observed = [item.state for item in known.values() if item.state.is_observed]
    asked = {column.name: column.parquet_type for column in read.columns}
    columns = carried(table.address, observed, asked)
    was = newest.state if newest else None
    state = RawState(
        database=table.database, table=table.name, day=plan.fill, strategy=table.strategy.value,
        server=identity.server,
        schema=identity.schema, start_position=was.end_position if was else "",
        end_position=read.read_at.isoformat(), columns=columns, quirks=read.quirks,
        schema_version=(was.schema_version + (dict(was.columns) != columns)) if was else 1,
    )  # fmt: skip
    for day in plan.unseen:
        unseen = replace(state, day=day, is_observed=False, quirks={}, end_position=state.start_position)
        write_day(
            lake, source.connection, table, unseen, nothing(unseen), before=None, extends=False, folder=folder
        )
    state, added, size = _fill(lake, source, table, known, state, read, folder)
    lake_rows, rows_twice = _counted(lake, source, table)
    return Captured(
        table=table, day=plan.fill, state=state, added=added, unseen=plan.unseen, kept=plan.kept,
        gone=tuple(name for name in was.columns if name not in columns) if was else (),
        source_rows=read.rows, source_counted=read.counted, lake_rows=lake_rows, rows_twice=rows_twice, bytes=size,
        url=lake.objects.url(layout.key(table, plan.fill)),
        seconds=time.monotonic() - started,
    )  # fmt: skip


def _fill(
    lake: Lake, source: Source, table: SourceTable, known: Mapping[date, RawObject], state: RawState, read: Pulled,
    folder: Path,
) -> tuple[RawState, Mapping[str, int], int]:  # fmt: skip
    """Write the day's object if anything changed; say its state, what was added, and its bytes."""
    connection, before = source.connection, known.get(state.day)
    now = f"read_parquet({literal(str(read.path))})"
    there = current_state(table, known)
    added: dict[str, int] = {"r": read.rows} if read.rows else {}
    rows, op = now, "'r'"
    if there is not None:
        changes = folder / "changes.parquet"
        seen = _columns_seen(table, known)
        compared = differences(read=now, state=there, key=table.key, columns=state.columns, known=seen)
        run(connection, f"copy ({compared}) to {literal(str(changes))} (format parquet, compression lz4)")
        changed = f"read_parquet({literal(str(changes))})"
        counts = dict(run(connection, f"select _op, count(*) from {changed} group by all").fetchall())
        if before and before.state.is_observed and not counts and before.state.columns == state.columns:
            return before.state, {}, before.stored.size
        if table.strategy is Strategy.COMPARE:
            rows, op, added = changed, "_op", counts
    extends = before is not None and table.strategy is Strategy.COMPARE
    if before:
        kept = before.state.rows if extends else {}
        total = {name: kept.get(name, 0) + added.get(name, 0) for name in sorted({*kept, *added})}
        state = replace(
            state, passes=before.state.passes + 1, rows=total, start_position=before.state.start_position
        )
    else:
        state = replace(state, rows=dict(added))
    size = write_day(
        lake, connection, table, state, addition(rows, state, op=op), before=before.stored if before else None,
        extends=extends, folder=folder,
    )  # fmt: skip
    return state, added, size


def _columns_seen(table: SourceTable, known: Mapping[date, RawObject]) -> list[str]:
    """Columns that the lake's state has: those of every object it is read from."""
    observed = [item.state for item in known.values() if item.state.is_observed]
    last = observed[-1:] if table.strategy is Strategy.SNAPSHOT else observed
    return list(dict.fromkeys(name for state in last for name in state.columns))


def _newest(known: Mapping[date, RawObject]) -> RawObject | None:
    observed = [item for item in known.values() if item.state.is_observed]
    return observed[-1] if observed else None


def _require_same_server(source: Source, table: SourceTable, newest: RawObject | None) -> Identity:
    found = source.identity()
    if newest and (newest.state.server, newest.state.schema) != (found.server, found.schema):
        raise LakeError(
            f"{table.address} was captured from {newest.state.server}/{newest.state.schema} until {newest.day}, and"
            f" now {found.server}/{found.schema} answers at its address:",
            "point the URL back, or give the new server a lake of its own (another REFERA_LAKE).",
        )
    return found


def _counted(lake: Lake, source: Source, table: SourceTable) -> tuple[int, int]:
    """Rows of the lake's current state, and raw rows that are there twice, read back from the store."""
    days = lake.days(table, source.connection)
    there = current_state(table, days)
    if there is None:
        return 0, 0
    rows = raw_rows([item.stored.url for item in days.values()])
    answer = run(
        source.connection,
        f"select (select count(*) from {there}), count(*) - count(distinct _position) from {rows}",
    ).fetchone()
    return (int(answer[0]), int(answer[1])) if answer else (0, 0)
