"""Chunked snapshots of an ingest run: decides which snapshots are read in chunks, merges chunks and discards them.

``chunks`` makes the plan, ``chunk_staging`` stores the chunks, ``chunk_merge`` merges them.
"""

from dataclasses import replace

from refera_platform.errors import DamagedError, LakeError, SourceError
from refera_platform.ingest.context import IngestContext
from refera_platform.ingest.snapshot.chunk_merge import merge_chunks
from refera_platform.ingest.snapshot.chunk_staging import ChunkStaging, StagedSnapshot, read_staged_chunks
from refera_platform.ingest.snapshot.chunks import PendingChunks, plan_chunks, rows_per_chunk
from refera_platform.ingest.stream.changes import TableChanges
from refera_platform.ingest.stream.reader import start_error
from refera_platform.lake.local_copies import LocalCopies
from refera_platform.source.mysql.snapshot import TableRead
from refera_platform.source.position import Position
from refera_platform.source.table import SourceTable
from refera_platform.source.totals import source_totals


def find_chunks(
    context: IngestContext, table: SourceTable, snapshot_position: Position
) -> PendingChunks | StagedSnapshot | None:
    """The chunks of a table that needs a snapshot: those to read first, or all of them; ``None`` for a small table.

    Args:
        context: The run, inside its snapshot.
        table: The table.
        snapshot_position: Binlog position of the run's snapshot.

    Raises:
        SourceError: when the table's key cannot be divided.
        LakeError: when a chunk was read after this run began, or the stored plan is malformed.
    """
    source, limits = context.source, context.chunk_limits
    if limits is None:
        return None
    columns = source.columns(table)  # says that the table is gone, before anything is counted
    rows, _ = source_totals(source, table)
    chunk_rows = rows_per_chunk(source, table, limits, rows)
    if chunk_rows is None:
        return None
    staging = ChunkStaging(context.lake, table)
    plan = staging.read_plan()
    is_usable = (
        plan is not None
        and plan.most_rows <= limits.max_rows  # no larger than the present limit
        and plan.is_for_table(source, table, columns)
        and start_error(source.server, plan.start_position) is None
    )
    if plan is None or not is_usable:
        plan = plan_chunks(source, table, snapshot_position, limits, chunk_rows)
        staging.replace_plan(plan)
    stored = staging.stored_chunks(plan)
    missing_numbers = tuple(number for number in range(plan.chunk_count) if number not in stored)
    if missing_numbers:
        return PendingChunks(
            table=table, plan_id=plan.id, missing_numbers=missing_numbers, chunk_count=plan.chunk_count
        )
    chunks = read_staged_chunks(source, [item.url for item in stored.values()])
    if any(Position.parse(chunk.position).order > snapshot_position.order for chunk in chunks):
        raise LakeError(
            f"A chunk of {table.address} was read after this run began:", "run it again.", is_transient=True
        )
    return StagedSnapshot(plan=plan, chunks=tuple(chunks))


def read_merged(
    context: IngestContext, table: SourceTable, staged: StagedSnapshot, changes: TableChanges, *, is_exact: bool
) -> TableRead:
    """Merge the chunks into the table at the run's snapshot.

    Args:
        context: The run, inside its snapshot.
        table: The table.
        staged: Its chunks.
        changes: What the binlog holds since they were planned.
        is_exact: Whether the snapshot holds no change that the binlog also holds after its position.

    Raises:
        SourceError: when they cannot be merged; the chunks are discarded.
        DamagedError: when the bytes of a chunk are not those that were written; the chunks are discarded.
        LakeError: when a chunk is gone: another call has merged the table meanwhile.
    """
    try:
        return merge_chunks(context, table, _download_chunks(context, table, staged), changes, is_exact=is_exact)
    except (SourceError, DamagedError):  # the next run reads discarded chunks again
        ChunkStaging(context.lake, table).discard(staged.plan)
        raise


def _download_chunks(context: IngestContext, table: SourceTable, staged: StagedSnapshot) -> StagedSnapshot:
    """The same with the addresses of verified copies, whose footers are read again."""
    staging, folder = ChunkStaging(context.lake, table), context.folder / "chunks"
    etags = {staging.chunk_key(staged.plan, chunk.number): "" for chunk in staged.chunks}
    copies = LocalCopies(context.lake.objects, folder).paths(etags)
    return replace(staged, chunks=tuple(read_staged_chunks(context.source, list(copies.values()))))
