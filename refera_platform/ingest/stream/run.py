"""Change-stream ingest run of one database: one consistent snapshot and one read of the binlog for all its tables.

    plan each table ──▶ snapshot position ──▶ binlog up to it ──▶ days of each table ──▶ objects ──▶ results

A table that fails does not stop the others. A run can be repeated at any time: each object holds its end position.
"""

import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from functools import partial

from refera_platform.errors import LakeError, ReferaError
from refera_platform.ingest.context import IngestContext
from refera_platform.ingest.result import IngestFailure, IngestResult
from refera_platform.ingest.snapshot.chunk_merge import window_since_plan
from refera_platform.ingest.snapshot.chunked import find_chunks
from refera_platform.ingest.snapshot.chunks import PendingChunks
from refera_platform.ingest.snapshot.snapshot_writer import SnapshotWriter
from refera_platform.ingest.stream.changes import ChangeRequest, TableChanges, TaskChanges
from refera_platform.ingest.stream.context import StreamContext, StreamSnapshot
from refera_platform.ingest.stream.reader import read_available_changes, read_changes
from refera_platform.ingest.stream.table_result import stream_result
from refera_platform.ingest.stream.table_task import (
    TableTask,
    has_unsettled_days,
    plan_task,
    request_changes,
    request_days_to_present,
)
from refera_platform.ingest.stream.task_writer import write_days
from refera_platform.source.cascades import find_cascades
from refera_platform.source.fault_isolation import isolated
from refera_platform.source.mysql.binlog.coverage import require_schema_in_binlog
from refera_platform.source.mysql.binlog.server_settings import require_full_binlog
from refera_platform.source.mysql.binlog.verified_position import verify_position
from refera_platform.source.mysql.column_resolver import ColumnResolver
from refera_platform.source.mysql.wire import open_wire
from refera_platform.source.table import SourceTable

Outcome = IngestResult | IngestFailure | PendingChunks


def ingest_stream_tables(
    context: IngestContext,
    tables: Sequence[SourceTable],
    requested: Sequence[date],
    resnapshot_names: Collection[str] = (),
) -> Iterator[Outcome]:
    """Copy days of several tables into the lake.

    Args:
        context: The run.
        tables: Tables of the database whose strategy is ``log``.
        requested: Days, in any order.
        resnapshot_names: Names of tables that get a new snapshot whatever the lake holds.

    Yields:
        The result of each table, as soon as it is committed.

    Raises:
        SourceError: when the source cannot be read at all.
        LakeError: when the server writes no binlog, or its binlog is not complete.
    """
    stream = StreamContext(
        **vars(context),
        column_resolver=ColumnResolver(context.source, context.stage.hash_key),
        identity=context.source.identity(),
        now=context.clock.now(),
        started=time.monotonic(),
    )
    days = sorted(set(requested))
    planned = [_plan_table(stream, table, days, is_resnapshot=table.name in resnapshot_names) for table in tables]
    yield from (outcome for outcome in planned if not isinstance(outcome, TableTask))
    tasks = [task for task in planned if isinstance(task, TableTask)]
    if not tasks:
        return
    require_full_binlog(stream.source.server.binlog_settings())
    require_schema_in_binlog(stream.source)
    with _open_snapshot(stream, tables) as snapshot:
        prepared = [_find_chunks(stream, snapshot, task) for task in tasks]
        yield from (outcome for outcome in prepared if not isinstance(outcome, TableTask))
        tasks = [task for task in prepared if isinstance(task, TableTask)]
        changes = _read_changes(stream, snapshot, tasks)
        for task in tasks:
            yield _write_table(stream, snapshot, task, changes[task.table.name])


def _plan_table(
    context: StreamContext, table: SourceTable, requested: Sequence[date], *, is_resnapshot: bool
) -> TableTask | IngestFailure:
    """Plan a table, or say why it cannot have the days."""
    try:
        with isolated(table):
            return plan_task(context, table, requested, is_resnapshot=is_resnapshot)
    except ReferaError as error:
        return IngestFailure(table=table, error=error)


@contextmanager
def _open_snapshot(context: StreamContext, tables: Sequence[SourceTable]) -> Iterator[StreamSnapshot]:
    """Hold the run's snapshot open for what is read inside.

    Raises:
        LakeError: when the server writes no binlog.
    """
    source = context.source
    with source.snapshot() as opened:
        if opened.position is None:
            raise LakeError("The server writes no binlog:", "set log_bin in its configuration, or choose compare.")
        yield StreamSnapshot(
            position=verify_position(partial(open_wire, source.database), source.server, opened.position),
            is_exact=opened.is_exact,
            cascades=find_cascades(source.ask, source.database.name, {table.name for table in tables}),
        )


def _find_chunks(
    context: StreamContext, snapshot: StreamSnapshot, task: TableTask
) -> TableTask | PendingChunks | IngestFailure:
    """The task with its staged chunks, if it needs any; or the chunks that must be read first."""
    day_plan = task.plan.snapshot
    if day_plan is None:
        return task
    try:
        with isolated(task.table):
            chunks = find_chunks(context, task.table, snapshot.position)
            if chunks is None or isinstance(chunks, PendingChunks):
                return chunks or task
            window = window_since_plan(chunks.plan, day_plan.day_to_fill)
            return replace(task, staged=chunks, request=request_changes(context, task, [window]))
    except ReferaError as error:
        return IngestFailure(table=task.table, error=error)


def _read_changes(
    context: StreamContext, snapshot: StreamSnapshot, tasks: Sequence[TableTask]
) -> dict[str, TaskChanges | IngestFailure]:
    """Read what the tasks need of the change stream, by name of the table."""
    requested = read_changes(context, snapshot, [task.request for task in tasks if task.request])
    # a second read: the chunks of a resnapshot need the changes of the same part of the binlog
    closing_requests = [task.closing_request for task in tasks if task.closing_request]
    closing = read_available_changes(context, snapshot, closing_requests)
    later_requests: list[ChangeRequest] = []
    failures: dict[str, IngestFailure] = {}
    if any(has_unsettled_days(task, requested.get(task.table.name)) for task in tasks):
        for task in tasks:  # all tables: foreign keys must match at one position
            request = _request_later_days(context, snapshot, task, requested.get(task.table.name))
            if isinstance(request, IngestFailure):
                failures[task.table.name] = request
            elif request:
                later_requests.append(request)
    later = read_changes(context, snapshot, later_requests) if later_requests else {}
    return {
        name: failures.get(name)
        or TaskChanges(requested=requested.get(name), later=later.get(name), closing=closing.get(name))
        for name in (task.table.name for task in tasks)
    }


def _request_later_days(
    context: StreamContext, snapshot: StreamSnapshot, task: TableTask, changes: TableChanges | None
) -> ChangeRequest | IngestFailure | None:
    try:
        with isolated(task.table):
            return request_days_to_present(context, snapshot, task, changes)
    except ReferaError as error:
        return IngestFailure(table=task.table, error=error)


def _write_table(
    context: StreamContext, snapshot: StreamSnapshot, task: TableTask, changes: TaskChanges | IngestFailure
) -> IngestResult | IngestFailure:
    """Commit what a task is about, and make its result."""
    if isinstance(changes, IngestFailure):
        return changes
    try:
        with isolated(task.table):
            if day_plan := task.plan.snapshot:
                writer = SnapshotWriter(context=context, snapshot=snapshot, task=task, plan=day_plan)
                written = writer.write(changes)
            else:
                written = write_days(context, snapshot, task, changes)
            return stream_result(context, snapshot, task, written)
    except ReferaError as error:
        return IngestFailure(table=task.table, error=error)
