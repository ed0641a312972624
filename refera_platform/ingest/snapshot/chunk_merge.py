"""Merge of a chunked snapshot: the chunks, each read at its own position, become the table at one position.

    chunks (each with its binlog position) + binlog rows since the first ──▶ the table at the end of that read

A binlog row counts when its position is after that of the chunk its key is in; of several rows of one key the last.
"""

from datetime import date

from refera_platform.duckdb_session.quoting import literal, quoted
from refera_platform.errors import SourceError
from refera_platform.ingest.context import IngestContext
from refera_platform.ingest.row_position import READ_FROM_TABLE, position_prefix, position_suffix
from refera_platform.ingest.snapshot.chunk_staging import StagedSnapshot
from refera_platform.ingest.snapshot.chunks import ChunkPlan
from refera_platform.ingest.stream.changes import DayChanges, TableChanges
from refera_platform.ingest.stream.day_windows import END_OF_TIME_SECONDS, DayWindow
from refera_platform.lake.lake import raw_rows, run_sql
from refera_platform.source.mysql.snapshot import TableRead, count_rows
from refera_platform.source.position import Position
from refera_platform.source.table import SourceTable


def window_since_plan(plan: ChunkPlan, day: date) -> DayWindow:
    """One window for everything that the binlog holds since the plan was made, whatever day it belongs to."""
    return DayWindow(
        day=day, midnight_seconds=END_OF_TIME_SECONDS, start=plan.start_position, resume_position=plan.start_position
    )


def merge_chunks(
    context: IngestContext, table: SourceTable, staged: StagedSnapshot, changes: TableChanges, *, is_exact: bool
) -> TableRead:
    """Merge the chunks into the table as it is in the snapshot that the context's source has open.

    Args:
        context: The run, inside the snapshot.
        table: The table.
        staged: All of its chunks, at addresses that are read as they are.
        changes: Changes since the plan was made, up to the snapshot's position, in one window.
        is_exact: Whether the snapshot shows the changes up to its position, and no later ones.

    Raises:
        SourceError: when the binlog does not hold every change since the plan, or rows are missing.
    """
    if changes.error:
        raise _merge_error(table, str(changes.error).rstrip("."))
    (day_changes,) = changes.days
    columns = context.source.columns(table)
    if (
        day_changes.is_unsettled
        or day_changes.truncations
        or changes.has_schema_change
        or any(columns_then != dict(staged.plan.columns) for columns_then in day_changes.schema_versions)
    ):
        raise _merge_error(
            table, "the table was altered or emptied meanwhile, or rows were changed with their parent rows"
        )
    read_at = context.clock.now()
    relation = _merged_sql(context, table, staged, day_changes)
    answer = run_sql(context.connection, f"select count(*) from {relation}").fetchone()
    rows = int(answer[0]) if answer else 0
    source_rows, quirks = count_rows(context.source, table, columns)
    if is_exact and rows != source_rows:
        raise _merge_error(table, f"they add up to {rows} rows where the source has {source_rows}")
    return TableRead(
        path=context.folder,
        columns=columns,
        rows=rows,
        server_counts=(source_rows, source_rows),
        quirks=quirks,
        read_at=read_at,
        rows_sql=relation,
    )


def _merged_sql(context: IngestContext, table: SourceTable, staged: StagedSnapshot, changes: DayChanges) -> str:
    """SQL of the merged rows."""
    names = ", ".join(quoted(name) for name in staged.plan.columns)
    chunks_sql = _chunks_sql(staged, names)
    if not changes.files:
        return f"(select {names} from {chunks_sql})"
    last_changes_path, already_read_path = context.folder / "last.parquet", context.folder / "ahead.parquet"
    key = ", ".join(quoted(name) for name in table.key)
    changes_sql = raw_rows([str(path) for path in changes.files])
    position_offset = len(position_prefix(changes.window.day, 0)) + 1
    # two small files: the last change of each key since the plan, and the keys whose chunk is newer than that change
    run_sql(
        context.connection,
        f"""
        copy (
            select {names}, _op, substr(_position, {position_offset}) as position from {changes_sql}
            where _position in (select max(_position) from {changes_sql} group by {key})
        ) to {literal(str(last_changes_path))} (format parquet)
        """,
    )
    last_changes = f"read_parquet({literal(str(last_changes_path))})"
    match = " and ".join(f"p.{quoted(name)} = l.{quoted(name)}" for name in table.key)
    keys = ", ".join(f"l.{quoted(name)}" for name in table.key)
    run_sql(
        context.connection,
        f"""
        copy (select {keys} from {chunks_sql} p join {last_changes} l on {match} where p.position > l.position)
        to {literal(str(already_read_path))} (format parquet)
        """,
    )
    already_read = f"read_parquet({literal(str(already_read_path))})"
    is_same_key = " and ".join(f"l.{quoted(name)} = s.{quoted(name)}" for name in table.key)
    return f"""(
        select {names} from {chunks_sql} p anti join {last_changes} l on {match} and l.position > p.position
        union all
        select {names} from {last_changes} l anti join {already_read} s on {is_same_key} where l._op <> 'd'
    )"""


def _chunks_sql(staged: StagedSnapshot, names: str) -> str:
    """SQL of the rows of all chunks, each with the position in the binlog at which its chunk was read."""
    selects = []
    for chunk in staged.chunks:
        position = literal(position_suffix(Position.parse(chunk.position), READ_FROM_TABLE))
        selects.append(f"select {names}, {position} as position from {raw_rows([chunk.url])}")
    return f"({' union all '.join(selects)})"


def _merge_error(table: SourceTable, reason: str) -> SourceError:
    return SourceError(
        f"The chunks of {table.address} cannot be merged: {reason}.",
        "They are discarded; run it again, or capture it where one process reads it whole (REFERA_RUNNER=local).",
        is_transient=True,
    )
