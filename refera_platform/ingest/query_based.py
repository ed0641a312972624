"""Capturing days of one table: the whole way from the source to a committed object.

    source ──pull──▶ local file ──compare with the lake's state──▶ changes ──▶ day=… (one atomic PUT)

``compare`` and ``snapshot`` read the whole table, ``cursor`` the rows that moved; ``log`` is not done here.
Run it again at any moment: what is committed is the state it starts from, so nothing is doubled and nothing lost.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from refera_platform.clock import Clock
from refera_platform.duckdb_session.quoting import literal
from refera_platform.errors import SourceError
from refera_platform.ingest.integrity import counted, require_same_server
from refera_platform.ingest.result import Captured, Filled
from refera_platform.lake import days as calendar
from refera_platform.lake import layout
from refera_platform.lake.lake import Lake, RawObject, current_state, run, state_objects
from refera_platform.lake.local_copies import LocalCopies
from refera_platform.lake.object_state import RawState
from refera_platform.lake.schema_drift import altered, begun, carried
from refera_platform.lake.volume import changes_by_day
from refera_platform.lake.writer import addition, close_unseen, pass_prefix, write_day
from refera_platform.reconcile.values import Present, reconciled
from refera_platform.source.collation import Fold, collations, fold_of
from refera_platform.source.column_names import is_among
from refera_platform.source.connection import Source
from refera_platform.source.cursor import cursor_column, reach, row_count
from refera_platform.source.mysql.snapshot import Pulled, pull
from refera_platform.source.row_changes import Reading, differences
from refera_platform.source.table import SourceTable, Strategy


def capture(
    lake: Lake,
    source: Source,
    table: SourceTable,
    requested: Sequence[date],
    clock: Clock,
    folder: Path,
    *,
    force_baseline: bool = False,
) -> Captured:
    """Bring the newest of the requested days up to the source's present.

    Args:
        lake: Where to.
        source: An open session of the table's database, which can also read the lake.
        table: What.
        requested: Days, in any order.
        clock: The present.
        folder: Local folder for files of this call alone.
        force_baseline: Whether to take the table as it is for a new beginning, whichever server it comes from: every
            row of it is written again, and a delete for each row of the lake that it has not. It goes to today, and the
            days since the newest one are closed unseen.

    Raises:
        DayRefused: when a requested day cannot be had; nothing was read.
        SourceError: when the source cannot be read as declared.
        LakeError: when the store, the identity of the server or the schema stands in the way.
        ValueError: for a table whose strategy is ``log``.
    """
    if table.strategy is Strategy.LOG:
        raise ValueError(f"{table.address} is read from the log, by capture_log and not by capture")
    started = time.monotonic()
    table = source.spelled(table)
    known = lake.days(table, source.connection)
    is_again = force_baseline and bool(known)  # a resnapshot belongs to the day on which it is read
    days_wanted = calendar.days_after(known, clock) if is_again else sorted(set(requested))
    plan = calendar.plan(table.address, days_wanted, known, clock)
    observed = [item.state for item in known.values() if item.state.is_observed]
    was = observed[-1] if observed else None
    identity = source.identity()
    if not force_baseline:
        require_same_server(identity, table, was)
    declared = source.columns(table)
    asked = {column.name: column.parquet_type for column in declared}
    since = was.schema_since if was else ""
    if force_baseline:
        columns, since = begun(observed, asked, plan.fill)
    else:
        columns = carried(table.address, observed, asked)
    goes_on = was is not None and not force_baseline and dict(was.columns) == columns
    taken = _read(source, table, was if goes_on else None, folder / "read.parquet", clock)
    if {column.name: column.parquet_type for column in taken.read.columns} != asked:
        raise SourceError(
            f"Table {table.address} was altered while it was read:",
            "nothing was written; run it again.",
            passing=True,
        )
    state = RawState(
        database=table.database,
        table=table.name,
        day=plan.fill,
        strategy=table.strategy.value,
        server=identity.server,
        schema=identity.schema,
        start_position=was.end_position if was else "",
        end_position=taken.position,
        read_at=taken.read.read_at.isoformat(),
        columns=columns,
        quirks=taken.read.quirks,
        collations=collations(declared),
        schema_since=since,
        schema_version=(was.schema_version + (dict(was.columns) != columns)) if was else 1,
    )
    close_unseen(lake, source.connection, table, state, plan.unseen, folder)
    reading = Reading.BASELINE if force_baseline else taken.reading
    state, added, size = _fill(lake, source, table, known, state, taken.read, reading, folder)
    days = lake.days(table, source.connection)
    lake_rows, rows_twice = counted(source.connection, table, days, (plan.fill,))
    url = lake.objects.url(layout.key(table, plan.fill))
    is_part = reading is Reading.PART
    is_anew = force_baseline or was is None or table.strategy is Strategy.SNAPSHOT
    present = Present(
        days=days,
        written=[plan.fill] if added or not is_part else [],
        source_rows=taken.source_rows,
        is_anew=is_anew,
        own_pass=pass_prefix(state) if is_part else "",
    )
    found = reconciled(source, table, present, folder)
    return Captured(
        table=table,
        filled=(Filled(day=plan.fill, state=state, added=added, bytes=size, url=url),),
        unseen=plan.unseen,
        kept=plan.kept,
        altered=altered(was.columns if was else None, columns),
        volumes=changes_by_day(item.state for day, item in days.items() if day < clock.today()),
        source_rows=taken.source_rows,
        lake_rows=lake_rows,
        rows_twice=rows_twice,
        reconciled=found,
        seconds=time.monotonic() - started,
        known=days,
    )


@dataclass(frozen=True, kw_only=True)
class Taken:
    """Rows that one strategy took from the source."""

    read: Pulled
    reading: Reading
    position: str
    """How far the source had been read."""
    source_rows: int
    """Rows of the whole table, also of a part of it."""


def _read(source: Source, table: SourceTable, was: RawState | None, path: Path, clock: Clock) -> Taken:
    """Read what the strategy asks for; the whole table where ``was`` tells nothing to go on from."""
    if table.strategy is not Strategy.CURSOR:
        read = pull(source, table, path, clock)
        rows = read.rows if read.agrees else read.counted[1]
        return Taken(read=read, reading=Reading.WHOLE, position=read.read_at.isoformat(), source_rows=rows)
    before = was.end_position if was and was.strategy == table.strategy.value else ""
    column = cursor_column(table, source.columns(table))
    reached = reach(source, table, column, before, clock.now())
    rows = row_count(source, table)
    read = pull(source, table, path, clock, where=reached.where)
    return Taken(
        read=read,
        reading=Reading.PART if reached.where else Reading.WHOLE,
        position=reached.position,
        source_rows=rows,
    )


def _fill(
    lake: Lake,
    source: Source,
    table: SourceTable,
    known: Mapping[date, RawObject],
    state: RawState,
    read: Pulled,
    reading: Reading,
    folder: Path,
) -> tuple[RawState, Mapping[str, int], int]:
    """Write the day's object if anything changed; say its state, what was added, and its bytes."""
    connection, before = source.connection, known.get(state.day)
    now = read.relation
    there = current_state(table, LocalCopies(lake.objects, folder).of_state(known), state.columns)
    added: dict[str, int] = {"r": read.rows} if read.rows else {}
    rows, op = now, "'r'"
    if there is not None:
        changes = folder / "changes.parquet"
        compared = differences(
            read=now,
            state=there,
            key=table.key,
            columns=state.columns,
            known=_columns_seen(known, state.columns),
            reading=reading,
            folds=_key_folds(table, state),
        )
        run(connection, f"copy ({compared}) to {literal(str(changes))} (format parquet, compression lz4)")
        changed = f"read_parquet({literal(str(changes))})"
        counts = dict(run(connection, f"select _op, count(*) from {changed} group by all").fetchall())
        is_same = before is not None and before.state.is_observed and _shape(before.state) == _shape(state)
        if before and is_same and not counts and reading is not Reading.BASELINE:
            return before.state, {}, before.stored.size
        if table.strategy is not Strategy.SNAPSHOT:
            rows, op, added = changed, "_op", counts
    extends = before is not None and table.strategy is not Strategy.SNAPSHOT
    if before:
        kept = before.state.rows if extends else {}
        total = {name: kept.get(name, 0) + added.get(name, 0) for name in sorted({*kept, *added})}
        state = replace(state, passes=before.state.passes + 1, rows=total, start_position=before.state.start_position)
    else:
        state = replace(state, rows=dict(added))
    is_whole = there is None or table.strategy is Strategy.SNAPSHOT or reading is Reading.BASELINE
    state = replace(state, is_whole=is_whole or bool(before and extends and before.state.is_whole))
    # what is new was seen when it was read; the position of a cursor is no instant
    dated = replace(state, end_position=read.read_at.isoformat())
    stored = write_day(
        lake,
        connection,
        table,
        state,
        addition(rows, dated, op=op),
        before=before.stored if before else None,
        extends=extends,
        folder=folder,
    )
    return state, added, stored.size


def _key_folds(table: SourceTable, state: RawState) -> dict[str, Fold]:
    """How the source compares the texts of a key."""
    return {name: fold_of(state.collations[name]) for name in table.key if name in state.collations}


def _shape(state: RawState) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """What an object says of its columns, and of how their texts are compared."""
    return state.columns, state.collations


def _columns_seen(known: Mapping[date, RawObject], columns: Mapping[str, str]) -> list[str]:
    """Columns that the lake's state has, as they are spelled now: those of every object it is read from."""
    seen = [name for item in state_objects(known) for name in item.state.columns]
    return [name for name in columns if is_among(name, seen)]
