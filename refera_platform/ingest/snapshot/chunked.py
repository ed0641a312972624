"""Chunked snapshots of an ingest run: decides which snapshots are read in chunks, merges chunks and discards them.

``chunks`` makes the plan, ``chunk_staging`` stores the chunks, ``chunk_merge`` merges them.
"""

from collections.abc import Callable, Generator, Sequence
from pathlib import Path

from refera_platform.clock import Clock
from refera_platform.errors import DamagedError, LakeError, ReferaError, SourceError
from refera_platform.ingest.result import IngestFailure
from refera_platform.ingest.snapshot.chunk_merge import merge_chunks, window_since_plan
from refera_platform.ingest.snapshot.chunk_staging import ChunkStaging, StagedChunk, read_staged_chunks
from refera_platform.ingest.snapshot.chunks import ChunkLimits, ChunkPlan, PendingChunks, plan_chunks, rows_per_chunk
from refera_platform.ingest.stream.day_windows import DayWindow
from refera_platform.ingest.stream.table_changes import TableChanges
from refera_platform.ingest.stream.table_task import TableTask
from refera_platform.lake.fault_isolation import isolated
from refera_platform.lake.lake import Lake
from refera_platform.lake.local_copies import LocalCopies
from refera_platform.source.connection import Source
from refera_platform.source.mysql.binlog.position import Position
from refera_platform.source.mysql.snapshot import TableRead
from refera_platform.source.table import SourceTable
from refera_platform.source.totals import source_totals
from refera_platform.source.types import SourceColumn

PositionCheck = Callable[[Position], LakeError | None]


class ChunkedSnapshots:
    """The chunked snapshots of one ingest run."""

    def __init__(self, lake: Lake, source: Source, limits: ChunkLimits | None, clock: Clock, folder: Path) -> None:
        self._lake = lake
        self._source = source
        self._limits = limits
        self._clock = clock
        self._folder = folder

    def prepare(
        self,
        tasks: Sequence[TableTask],
        snapshot_position: Position,
        position_error: PositionCheck,
        make_changes: Callable[[TableTask, list[DayWindow]], TableChanges],
    ) -> Generator[IngestFailure | PendingChunks, None, list[TableTask]]:
        """Find the tables that can be ingested now; a large table that needs a snapshot waits for its chunks.

        Args:
            tasks: The tables of the run.
            snapshot_position: Binlog position of the run's snapshot.
            position_error: Gives why the binlog cannot be read from a position.
            make_changes: Makes the changes that collect the rows of some windows.

        Yields:
            Tables that failed, and tables whose chunks must be read first.

        Returns:
            The tasks of all other tables.
        """
        ready_tasks = []
        for task in tasks:
            try:
                with isolated(task.table):
                    pending = (
                        self._plan_missing_chunks(task, snapshot_position, position_error)
                        if task.plan.snapshot
                        else None
                    )
                    if not pending and task.chunk_plan and task.plan.snapshot:
                        task.changes = make_changes(
                            task, [window_since_plan(task.chunk_plan, task.plan.snapshot.day_to_fill)]
                        )
            except ReferaError as refusal:
                yield IngestFailure(table=task.table, error=refusal)
                continue
            if pending:
                yield pending
                continue
            ready_tasks.append(task)
        return ready_tasks

    def read_merged(self, task: TableTask, *, is_exact: bool) -> TableRead | None:
        """Merge the chunks into the table at the run's snapshot; ``None`` for a table without chunks.

        Raises:
            SourceError: when they cannot be merged; the chunks are discarded.
            DamagedError: when the bytes of a chunk are not those that were written; the chunks are discarded.
            LakeError: when a chunk is gone: another call has merged the table meanwhile.
        """
        if task.chunk_plan is None or task.changes is None:
            return None
        try:
            return merge_chunks(
                self._source,
                task.table,
                task.chunk_plan,
                self._download_chunks(task, task.chunk_plan),
                task.changes,
                self._clock,
                self._folder,
                is_exact=is_exact,
            )
        except (SourceError, DamagedError):  # the next run reads discarded chunks again
            ChunkStaging(self._lake, task.table).discard(task.chunk_plan)
            raise

    def discard_chunks(self, task: TableTask) -> None:
        """Remove the chunks of a snapshot that is committed."""
        if task.chunk_plan:
            ChunkStaging(self._lake, task.table).discard(task.chunk_plan)

    def _download_chunks(self, task: TableTask, plan: ChunkPlan) -> list[StagedChunk]:
        """Download the chunks as verified copies, and read their footers again from these."""
        staging, folder = ChunkStaging(self._lake, task.table), self._folder / "chunks"
        etags = {staging.chunk_key(plan, chunk.number): "" for chunk in task.staged_chunks}
        copies = LocalCopies(self._lake.objects, folder).paths(etags)
        return read_staged_chunks(self._source, list(copies.values()))

    def _plan_missing_chunks(
        self, task: TableTask, snapshot_position: Position, position_error: PositionCheck
    ) -> PendingChunks | None:
        """The chunks that must be read first; ``None`` when the table is small, or when all are staged.

        Raises:
            LakeError: when a chunk was read after this run began.
        """
        table, staging = task.table, ChunkStaging(self._lake, task.table)
        columns = self._source.columns(table)
        rows, _ = source_totals(self._source, table)
        if self._limits is None or (chunk_rows := rows_per_chunk(self._source, table, self._limits, rows)) is None:
            return None
        plan = staging.read_plan()
        if (
            plan is None
            or not self._is_usable(plan, table, columns, self._limits)
            or position_error(plan.start_position)
        ):
            plan = plan_chunks(self._source, table, columns, snapshot_position, self._limits, chunk_rows)
            staging.replace_plan(plan)
        stored = staging.stored_chunks(plan)
        missing_numbers = tuple(number for number in range(plan.chunk_count) if number not in stored)
        if missing_numbers:
            return PendingChunks(
                table=table, plan_id=plan.id, missing_numbers=missing_numbers, chunk_count=plan.chunk_count
            )
        # fix the list of chunks now: another call may add, remove or replace some before the merge
        task.chunk_plan, task.staged_chunks = (
            plan,
            read_staged_chunks(self._source, [item.url for item in stored.values()]),
        )
        if any(Position.parse(chunk.position).order > snapshot_position.order for chunk in task.staged_chunks):
            raise LakeError(
                f"A chunk of {table.address} was read after this run began:", "run it again.", is_transient=True
            )
        return None

    def _is_usable(
        self, plan: ChunkPlan, table: SourceTable, columns: Sequence[SourceColumn], limits: ChunkLimits
    ) -> bool:
        """Whether its chunks can be merged, and are no larger than the present limit."""
        return plan.most_rows <= limits.max_rows and plan.is_for_table(self._source, table, columns)
