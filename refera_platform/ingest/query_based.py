"""Query-based ingestion of one table: reads rows by SQL, compares them with the lake's state, writes the changes.

    plan ──▶ read: source ──▶ local file ──▶ write: compare with the lake's state ──▶ day=… (one atomic PUT) ──▶ result

``compare`` and ``snapshot`` read the whole table, ``cursor`` the rows past its cursor; ``ingest.stream`` does ``log``.
A run can be repeated at any time: it starts from the committed state, so no row is doubled or lost.
"""

import time
from collections.abc import Sequence
from datetime import date

from refera_platform.errors import SourceError
from refera_platform.ingest.context import IngestContext
from refera_platform.ingest.integrity import count_lake_rows, require_same_server
from refera_platform.ingest.query_writer import QueryPlan, SourceRead, write_read
from refera_platform.ingest.result import IngestedDay, IngestResult
from refera_platform.lake import days as calendar
from refera_platform.lake.lake import newest_state_until, observed_states
from refera_platform.lake.schema_drift import detect_schema_change, require_continued_types, snapshot_types
from refera_platform.lake.volume import changed_rows_by_day
from refera_platform.lake.writer import run_position_prefix
from refera_platform.reconcile.values import ReconcileInput, reconcile_table
from refera_platform.source.cursor import count_table_rows, cursor_column, read_cursor_reach
from refera_platform.source.mysql.snapshot import read_source_table
from refera_platform.source.row_changes import ReadScope
from refera_platform.source.table import SourceTable, Strategy


def ingest_table(
    context: IngestContext, table: SourceTable, requested: Sequence[date], *, is_resnapshot: bool = False
) -> IngestResult:
    """Fill the newest of the requested days with what the source holds now.

    Args:
        context: The run: lake, open source session, stage and local folder.
        table: Table to copy.
        requested: Days, in any order.
        is_resnapshot: Whether to take a new snapshot, from whichever server: every row of the table is written again,
            and a delete for each row of the lake that the table does not have. It goes to today, and the days since
            the newest one are closed as unobserved.

    Raises:
        DayRefused: when a requested day cannot be filled; nothing was read.
        SourceError: when the source cannot be read as declared.
        LakeError: when the store fails, another server answers, or the schema change is not possible.
        ValueError: for a table whose strategy is ``log``.
    """
    if table.strategy is Strategy.LOG:
        raise ValueError(f"{table.address} is read from the binlog, by ingest_stream_tables and not by ingest_table")
    started = time.monotonic()
    plan = _plan_table(context, table, requested, is_resnapshot=is_resnapshot)
    read = _read_source(context, plan)
    written = write_read(context, plan, read)
    return _make_result(context, plan, read, written, started)


def _plan_table(
    context: IngestContext, table: SourceTable, requested: Sequence[date], *, is_resnapshot: bool
) -> QueryPlan:
    """Decide which day is filled, and with which columns."""
    source, clock = context.source, context.clock
    table = source.with_current_spelling(table)
    days_in_lake = context.days_in_lake(table)
    replaces_history = is_resnapshot and bool(days_in_lake)  # a resnapshot belongs to the day on which it is read
    requested_days = calendar.days_after(days_in_lake, clock) if replaces_history else sorted(set(requested))
    days = calendar.plan_days(table.address, requested_days, days_in_lake, clock)
    observed, previous = observed_states(days_in_lake), newest_state_until(days_in_lake, date.max)
    identity = source.identity()
    if not is_resnapshot:
        require_same_server(identity, table, previous)
    declared = source.columns(table)
    declared_types = {column.name: column.parquet_type for column in declared}
    schema_since = previous.schema_since if previous else ""
    if is_resnapshot:
        columns, schema_since = snapshot_types(observed, declared_types, days.day_to_fill)
    else:
        columns = require_continued_types(table.address, observed, declared_types)
    return QueryPlan(
        table=table,
        days_in_lake=days_in_lake,
        days=days,
        identity=identity,
        declared=declared,
        columns=columns,
        schema_since=schema_since,
        is_resnapshot=is_resnapshot,
    )


def _read_source(context: IngestContext, plan: QueryPlan) -> SourceRead:
    """Read what the strategy needs; the whole table when there is nothing to go on from.

    Raises:
        SourceError: when the table cannot be read, or was altered meanwhile.
    """
    is_cursor = plan.table.strategy is Strategy.CURSOR
    read = _read_past_cursor(context, plan) if is_cursor else _read_whole(context, plan)
    read_types = {column.name: column.parquet_type for column in read.pulled.columns}
    if read_types != {column.name: column.parquet_type for column in plan.declared}:
        raise SourceError(
            f"Table {plan.table.address} was altered while it was read:",
            "nothing was written; run it again.",
            is_transient=True,
        )
    return read


def _read_whole(context: IngestContext, plan: QueryPlan) -> SourceRead:
    pulled = read_source_table(context.source, plan.table, context.folder / "read.parquet", context.clock)
    return SourceRead(
        pulled=pulled,
        scope=ReadScope.SNAPSHOT if plan.is_resnapshot else ReadScope.WHOLE,
        position=pulled.read_at.isoformat(),
        source_rows=pulled.rows if pulled.is_count_consistent else pulled.server_counts[1],
    )


def _read_past_cursor(context: IngestContext, plan: QueryPlan) -> SourceRead:
    source, table, previous = context.source, plan.table, plan.previous
    is_continued = previous is not None and plan.is_continued and previous.strategy == table.strategy.value
    last_position = previous.end_position if previous and is_continued else ""
    column = cursor_column(table, source.columns(table))
    reach = read_cursor_reach(source, table, column, last_position, context.clock.now())
    source_rows = count_table_rows(source, table)
    pulled = read_source_table(source, table, context.folder / "read.parquet", context.clock, where=reach.where)
    scope = ReadScope.PART if reach.where else ReadScope.WHOLE
    return SourceRead(
        pulled=pulled,
        scope=ReadScope.SNAPSHOT if plan.is_resnapshot else scope,
        position=reach.position,
        source_rows=source_rows,
    )


def _make_result(
    context: IngestContext, plan: QueryPlan, read: SourceRead, written: IngestedDay, started: float
) -> IngestResult:
    """Count the table's rows in the lake, compare them with the source, and make the result."""
    table, previous, day = plan.table, plan.previous, plan.days.day_to_fill
    days_in_lake = context.days_in_lake(table)
    lake_rows, duplicate_rows = count_lake_rows(context.connection, table, days_in_lake, (day,))
    is_part = read.scope is ReadScope.PART
    reconcile_input = ReconcileInput(
        days=days_in_lake,
        written_days=[day] if written.added or not is_part else [],
        source_rows=read.source_rows,
        is_full_snapshot=plan.is_resnapshot or previous is None or table.strategy is Strategy.SNAPSHOT,
        run_position_prefix=run_position_prefix(written.state) if is_part else "",
    )
    today = context.clock.today()
    return IngestResult(
        table=table,
        ingested_days=(written,),
        unseen_days=plan.days.unseen_days,
        unchanged_days=plan.days.unchanged_days,
        schema_change=detect_schema_change(previous.columns if previous else None, plan.columns),
        changed_rows_by_day=changed_rows_by_day(item.state for day, item in days_in_lake.items() if day < today),
        source_rows=read.source_rows,
        lake_rows=lake_rows,
        duplicate_rows=duplicate_rows,
        reconcile_result=reconcile_table(context.source, table, reconcile_input, context.folder),
        seconds=time.monotonic() - started,
        days_in_lake=days_in_lake,
    )
