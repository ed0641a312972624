"""The pieces of a table, each read at a moment of its own, as the table was at one moment: the log tells the rest.

    pieces (each at its place in the log) + rows of the log since the first ──▶ the table at the log's end

A row of the log counts when its place is behind that of the piece its key is in; of several rows of one key the last.
"""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from refera_platform.clock import Clock
from refera_platform.duckdb_session.quoting import literal, quoted
from refera_platform.errors import SourceError
from refera_platform.ingest.snapshot.chunks import Piece, PiecePlan
from refera_platform.ingest.stream.day_windows import Window
from refera_platform.ingest.stream.table_changes import (
    END_OF_TIME,
    READ,
    TableLog,
    position_of,
    position_prefix,
)
from refera_platform.lake.lake import raw_rows, run
from refera_platform.source.connection import Source
from refera_platform.source.mysql.binlog.position import Position
from refera_platform.source.mysql.snapshot import Pulled, counted
from refera_platform.source.table import SourceTable


def window_since(plan: PiecePlan, day: date) -> Window:
    """Everything that the log tells since the plan was made, whatever day it belongs to."""
    return Window(day=day, midnight=END_OF_TIME, start=plan.start, resume=plan.start)


def assembled(
    source: Source,
    table: SourceTable,
    plan: PiecePlan,
    pieces: Sequence[Piece],
    log: TableLog,
    clock: Clock,
    folder: Path,
    *,
    is_exact: bool,
) -> Pulled:
    """The table as it is in the snapshot that ``source`` is in, whose place the log was read up to.

    Args:
        source: A session inside of the snapshot, which can also read the lake.
        table: Which table.
        plan: What its pieces are.
        pieces: All of them.
        log: What the log told since the plan was made, in one stretch.
        clock: The present.
        folder: Local folder of the pass.
        is_exact: Whether the snapshot shows what the log tells up to its place, and nothing more.

    Raises:
        SourceError: when the log does not tell what happened meanwhile, or rows are missing; nothing of it is kept.
    """
    if log.failure:
        raise _thrown_away(table, str(log.failure).rstrip("."))
    (stretch,) = log.stretches
    columns = source.columns(table)
    if (
        stretch.is_unsettled
        or stretch.emptied
        or log.has_new_shape
        or any(shape != dict(plan.columns) for shape in stretch.versions)
    ):
        raise _thrown_away(table, "the table was altered or emptied meanwhile, or rows went with those they refer to")
    read_at = clock.now()
    relation = _relation(source, table, plan, pieces, stretch.files, stretch.window.day, folder)
    answer = run(source.connection, f"select count(*) from {relation}").fetchone()
    rows = int(answer[0]) if answer else 0
    there, quirks = counted(source, table, columns)
    if is_exact and rows != there:
        raise _thrown_away(table, f"they add up to {rows} rows where the source has {there}")
    return Pulled(
        path=folder,
        columns=columns,
        rows=rows,
        counted=(there, there),
        quirks=quirks,
        read_at=read_at,
        rows_of=relation,
    )


def _relation(
    source: Source,
    table: SourceTable,
    plan: PiecePlan,
    pieces: Sequence[Piece],
    files: Sequence[Path],
    day: date,
    folder: Path,
) -> str:
    """SQL of the rows."""
    names = ", ".join(quoted(name) for name in plan.columns)
    each = [
        f"select {names}, {literal(position_of(Position.parse(piece.position), READ))} as place from"
        f" {raw_rows([piece.url])}"
        for piece in pieces
    ]
    read = f"({' union all '.join(each)})"
    if not files:
        return f"(select {names} from {read})"
    last, ahead = folder / "last.parquet", folder / "ahead.parquet"
    key = ", ".join(quoted(name) for name in table.key)
    logged = raw_rows([str(path) for path in files])
    begins = len(position_prefix(day, 0)) + 1
    # few rows each: what changed while the pieces were read, and that of it which a piece has already seen
    run(
        source.connection,
        f"copy (select {names}, _op, substr(_position, {begins}) as place from {logged} where _position in"
        f" (select max(_position) from {logged} group by {key})) to {literal(str(last))} (format parquet)",
    )
    told = f"read_parquet({literal(str(last))})"
    match = " and ".join(f"p.{quoted(name)} = l.{quoted(name)}" for name in table.key)
    keys = ", ".join(f"l.{quoted(name)}" for name in table.key)
    run(
        source.connection,
        f"copy (select {keys} from {read} p join {told} l on {match} where p.place > l.place)"
        f" to {literal(str(ahead))} (format parquet)",
    )
    seen = f"read_parquet({literal(str(ahead))})"
    same = " and ".join(f"l.{quoted(name)} = s.{quoted(name)}" for name in table.key)
    return (
        f"(select {names} from {read} p anti join {told} l on {match} and l.place > p.place union all"
        f" select {names} from {told} l anti join {seen} s on {same} where l._op <> 'd')"
    )


def _thrown_away(table: SourceTable, why: str) -> SourceError:
    return SourceError(
        f"The pieces of {table.address} cannot be put together: {why}.",
        "They are thrown away; run it again, or capture it where one process reads it whole (REFERA_RUNNER=local).",
        passing=True,
    )
