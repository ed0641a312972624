"""Change-stream ingest run of one database: one consistent snapshot and one read of the binlog for all its tables.

    snapshot position ──▶ binlog up to it ──▶ days of each table ──▶ snapshots and repairs read there ──▶ objects

A table that fails does not stop the others. A run can be repeated at any time: each object holds its end position.
"""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from datetime import date
from functools import cached_property, partial
from pathlib import Path

from refera_platform.clock import Clock
from refera_platform.errors import LakeError, ReferaError
from refera_platform.ingest.result import IngestedDay, IngestFailure, IngestResult
from refera_platform.ingest.snapshot.chunked import ChunkedSnapshots
from refera_platform.ingest.snapshot.chunks import ChunkLimits, PendingChunks
from refera_platform.ingest.snapshot.resnapshot import (
    merge_ingested_days,
    snapshot_number,
    unknown_bounds,
    write_closing_days,
)
from refera_platform.ingest.snapshot.table_snapshot import snapshot_rows
from refera_platform.ingest.stream.column_resolver import ColumnResolver
from refera_platform.ingest.stream.reader import BinlogReader
from refera_platform.ingest.stream.table_result import StreamResultFactory
from refera_platform.ingest.stream.table_task import TableTask
from refera_platform.ingest.stream.table_writer import DayWriter, add_counts
from refera_platform.ingest.stream.task_planner import TaskPlanner
from refera_platform.lake.fault_isolation import isolated
from refera_platform.lake.lake import Lake
from refera_platform.lake.local_copies import LocalCopies
from refera_platform.lake.object_state import RawState
from refera_platform.lake.schema_drift import snapshot_types
from refera_platform.lake.writer import write_day, write_unseen_days
from refera_platform.source.cascades import Cascades, find_cascades
from refera_platform.source.connection import Source
from refera_platform.source.mysql.binlog.coverage import require_schema_in_binlog
from refera_platform.source.mysql.binlog.position import Position
from refera_platform.source.mysql.binlog.server_settings import require_full_binlog
from refera_platform.source.mysql.binlog.verified_position import verify_position
from refera_platform.source.mysql.snapshot import TableRead, read_source_table
from refera_platform.source.mysql.wire import open_wire
from refera_platform.source.table import SourceTable
from refera_platform.source.totals import grouped_totals, source_totals


class StreamIngestRun:
    """One ingest run of the change-stream tables of one database."""

    def __init__(
        self,
        lake: Lake,
        source: Source,
        clock: Clock,
        folder: Path,
        hash_key: bytes,
        chunk_limits: ChunkLimits | None = None,
    ) -> None:
        self._lake = lake
        self._source = source
        self._clock = clock
        self._folder = folder
        self._today = clock.today()
        self._column_resolver = ColumnResolver(source, hash_key)
        self._planner = TaskPlanner(lake, source, clock, folder, hash_key=hash_key, resolver=self._column_resolver)
        self._chunked_snapshots = ChunkedSnapshots(lake, source, chunk_limits, clock, folder)
        self._table_names: frozenset[str] = frozenset()
        """Names of the tables of the run."""
        self._is_exact = False
        """Whether the snapshot holds no change that the binlog also holds after the snapshot's position."""

    def ingest(
        self, tables: Sequence[SourceTable], requested: Sequence[date], *, resnapshot_names: Collection[str] = ()
    ) -> Iterator[IngestResult | IngestFailure | PendingChunks]:
        """Copy days of several tables into the lake.

        Args:
            tables: Tables of this database whose strategy is ``log``.
            requested: Days, in any order.
            resnapshot_names: Names of tables that get a new snapshot whatever the lake holds.

        Yields:
            The result of each table, as soon as it is committed.

        Raises:
            SourceError: when the source cannot be read at all.
            LakeError: when the server writes no binlog, or its binlog is not complete.
        """
        started = time.monotonic()
        self._table_names = frozenset(table.name for table in tables)
        tasks: list[TableTask] = []
        for table in tables:
            try:
                with isolated(table):
                    tasks.append(
                        self._planner.plan_task(
                            table, sorted(set(requested)), is_resnapshot=table.name in resnapshot_names
                        )
                    )
            except ReferaError as error:
                yield IngestFailure(table=table, error=error)
        if not tasks:
            return
        require_full_binlog(self._source.server.binlog_settings())
        require_schema_in_binlog(self._source)
        with self._source.snapshot() as snapshot:
            if snapshot.position is None:
                raise LakeError("The server writes no binlog:", "set log_bin in its configuration, or choose compare.")
            self._is_exact = snapshot.is_exact
            snapshot_position = verify_position(
                partial(open_wire, self._source.database), self._source.server, snapshot.position
            )
            tasks = yield from self._chunked_snapshots.prepare(
                tasks, snapshot_position, self._binlog_reader.position_error, self._planner.make_changes
            )
            self._binlog_reader.read([log for task in tasks for log in task.all_changes], snapshot_position)
            # a second read: the chunks of a resnapshot need the changes of the same part of the binlog
            self._binlog_reader.read_available(
                [task.closing_changes for task in tasks if task.closing_changes], snapshot_position
            )
            if any(task.has_unsettled_days for task in tasks):  # all tables: foreign keys must match at one position
                for task in tasks:
                    self._planner.plan_days_to_present(task, snapshot_position)
                self._binlog_reader.read(
                    [task.later_changes for task in tasks if task.later_changes], snapshot_position
                )
            for task in tasks:
                try:
                    with isolated(task.table):
                        finish = (
                            self._write_snapshot(task, snapshot_position)
                            if task.plan.snapshot
                            else self._write_days(task, snapshot_position)
                        )
                except ReferaError as error:
                    yield IngestFailure(table=task.table, error=error)
                else:
                    yield finish(seconds=time.monotonic() - started)

    def _write_snapshot(self, task: TableTask, snapshot_position: Position) -> Callable[..., IngestResult]:
        """Write the whole table as the new start of its history."""
        table, plan = task.table, task.plan.snapshot
        if plan is None:
            raise LakeError(f"{table.address} has no day for its snapshot:", "ask for a day.")
        closed_days = write_closing_days(
            task, self._day_writer(table), self._source.server, partial(self._new_state, table), snapshot_position
        )
        is_complete = bool(task.closing_changes and len(closed_days) == len(task.closing_changes.days))
        previous = task.newest_state_until(date.max)
        unseen_days = tuple(day for day in plan.unseen_days if day not in task.days_in_lake)
        existing = task.days_in_lake.get(plan.day_to_fill)
        pulled = self._chunked_snapshots.read_merged(task, is_exact=self._is_exact) or self._pull_table(table)
        source_types = {column.name: column.parquet_type for column in pulled.columns}
        columns, schema_since = snapshot_types(task.observed_states, source_types, plan.day_to_fill)
        read_count = existing.state.passes + 1 if existing else 1
        base = self._new_state(table, previous, str(snapshot_position))
        unknown_since, unknown_until = unknown_bounds(
            previous, existing, pulled.read_at, self._clock, is_complete=is_complete
        )
        state = replace(
            base,
            day=plan.day_to_fill,
            columns=columns,
            quirks=pulled.quirks,
            passes=read_count,
            baseline=snapshot_number(existing, read_count, base.server, snapshot_position),
            is_replayable=False,
            is_whole=True,
            schema_since=schema_since,
            start_position=task.snapshot_start(existing),
            is_closed=plan.day_to_fill < self._today,
            schema_version=previous.schema_version + (dict(previous.columns) != columns) if previous else 1,
            unknown_since=unknown_since,
            unknown_until=unknown_until,
        )
        write_unseen_days(self._lake, self._source.connection, table, state, unseen_days, self._folder)
        if self._is_exact:
            money, groups = source_totals(self._source, table)[1], grouped_totals(self._source, table, pulled.rows)
            state = replace(state, source_rows=pulled.rows, source_money=money, source_groups=groups)
        local_days = LocalCopies(self._lake.objects, self._folder).state_with_copies(task.days_in_lake)
        rows, added = snapshot_rows(
            self._source.connection, table, local_days, state, pulled, snapshot_position, self._folder
        )
        existing_rows = existing.state.rows if existing and existing.state.is_observed else {}
        state = replace(
            state, rows=add_counts(existing_rows, added), table_rows=pulled.rows if self._is_exact else None
        )
        stored = write_day(
            self._lake,
            self._source.connection,
            table,
            state,
            rows,
            existing=existing.stored if existing else None,
            is_extension=bool(existing_rows),
            folder=self._folder,
        )
        self._chunked_snapshots.discard_chunks(task)
        task.days_in_lake = self._lake.days(table, self._source.connection)
        ingested_day = IngestedDay(
            day=plan.day_to_fill, state=state, added=added, size_bytes=stored.size_bytes, url=stored.url
        )
        ingested_days = merge_ingested_days(closed_days, ingested_day)
        return self._result_factory.result_of(
            task, ingested_days, pulled.rows, unseen_days=unseen_days, is_full_snapshot=True
        )

    def _write_days(self, task: TableTask, snapshot_position: Position) -> Callable[..., IngestResult]:
        """Write the days that were read from the binlog."""
        table = task.table
        if task.error:
            raise task.error
        if not task.all_changes:  # every requested day stays as it is
            item = task.days_in_lake[max(task.plan.unchanged_days)]
            return self._result_factory.result_of(task, [IngestedDay.of_object(item)], None)
        writer = self._day_writer(table)
        ingested_days: list[IngestedDay] = []
        last_end: Position | None = None
        net_rows = task.all_changes[-1].net_rows
        count, money = source_totals(self._source, table)
        for changes, day_changes in task.iter_changed_days():
            if changes.error:
                raise changes.error
            task.require_complete_log(day_changes)
            previous = task.newest_state_until(day_changes.window.day)
            day_changes.is_unsettled |= bool(previous and not previous.is_settled)
            # the table as it is now can settle only a day that reaches the snapshot's position
            is_newest = day_changes is task.changed_days[-1] and max(task.days_in_lake) <= day_changes.window.day
            is_present = is_newest and day_changes.end is not None and day_changes.end.order >= snapshot_position.order
            pulled = self._pull_table(table) if day_changes.is_unsettled and is_present else None
            if last_end and day_changes.start and day_changes.start.order == last_end.order:
                day_changes.start = last_end  # the same position, with its GTIDs
            if day_changes.end and not day_changes.end.gtid:
                gtid = self._source.server.gtid_at(day_changes.end.file, day_changes.end.offset)
                day_changes.end = replace(day_changes.end, gtid=gtid or "")
            last_end = day_changes.end
            base = self._new_state(table, previous)
            if previous and not pulled and not (day_changes.end and day_changes.end.order >= snapshot_position.order):
                # the catalogue's present types may be those of a later day
                base = replace(
                    base, source_types=previous.source_types, collations=previous.collations or base.collations
                )
            if is_newest and net_rows is not None and self._is_exact:
                base = replace(base, source_rows=count - net_rows, source_money=money if is_present else None)
                base = replace(base, source_groups=grouped_totals(self._source, table, count) if is_present else {})
            item, added = writer.write(
                day_changes, base, task.days_in_lake, pulled=pulled, snapshot_position=snapshot_position
            )
            task.days_in_lake = dict(sorted({**task.days_in_lake, item.day: item}.items()))
            ingested_days.append(IngestedDay.of_object(item, added))
        # an inexact snapshot may hold changes that come later in the binlog, so its row count has no position
        source_rows = None if net_rows is None or not self._is_exact else count - net_rows
        return self._result_factory.result_of(task, ingested_days, source_rows)

    @cached_property
    def _cascades(self) -> Cascades:
        return find_cascades(self._source.ask, self._source.database.name, self._table_names)

    @cached_property
    def _binlog_reader(self) -> BinlogReader:
        return BinlogReader(self._source, self._column_resolver, self._cascades, self._planner.now, self._today)

    @property
    def _result_factory(self) -> StreamResultFactory:
        return StreamResultFactory(
            source=self._source, folder=self._folder, is_exact=self._is_exact, cascades=self._cascades
        )

    def _day_writer(self, table: SourceTable) -> DayWriter:
        connection, folder = self._source.connection, self._folder
        return DayWriter(lake=self._lake, connection=connection, table=table, folder=folder, is_exact=self._is_exact)

    def _pull_table(self, table: SourceTable) -> TableRead:
        return read_source_table(self._source, table, self._folder / "read.parquet", self._clock)

    def _new_state(self, table: SourceTable, previous: RawState | None, end_position: str = "") -> RawState:
        """The state of a new object of the table, before its day is known."""
        return RawState(
            database=table.database,
            table=table.name,
            day=self._clock.today(),
            strategy=table.strategy.value,
            server=self._planner.identity.server,
            schema=self._planner.identity.schema,
            start_position="",
            end_position=end_position,
            read_at=self._planner.now.isoformat(),
            schema_since=previous.schema_since if previous else "",
            columns=previous.columns if previous else {},
            schema_version=previous.schema_version if previous else 1,
            source_types=self._column_resolver.source_types(table),
            collations=self._column_resolver.collations(table),
        )
