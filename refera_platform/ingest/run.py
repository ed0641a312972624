"""Ingest run of one database: sends each table to the code of its strategy and yields one result a table.

tables ──▶ strategy log ──▶ StreamIngestRun (one read of the binlog for all of them)
      └──▶ other strategies ──▶ ingest_table() each, inside one snapshot

Reads and writes nothing itself: ``ingest.stream.run`` and ``ingest.query_based`` do.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import date
from pathlib import Path

from refera_platform.errors import ReferaError
from refera_platform.ingest.query_based import ingest_table
from refera_platform.ingest.result import IngestFailure, IngestResult
from refera_platform.ingest.snapshot.chunks import ChunkLimits, PendingChunks
from refera_platform.ingest.stream.run import StreamIngestRun
from refera_platform.lake.fault_isolation import isolated
from refera_platform.lake.lake import Lake
from refera_platform.settings.stage import Stage
from refera_platform.source.connection import Source
from refera_platform.source.hashing import require_hash_key
from refera_platform.source.table import SourceTable, Strategy


def ingest_tables(
    lake: Lake,
    source: Source,
    tables: Sequence[SourceTable],
    requested: Sequence[date],
    stage: Stage,
    folder: Path,
    *,
    resnapshot_names: Collection[str] = (),
    chunk_limits: ChunkLimits | None = None,
) -> Iterator[IngestResult | IngestFailure | PendingChunks]:
    """Copy days of tables of one database into the lake; a table that fails does not stop the others.

    Args:
        lake: The lake that gets the days.
        source: An open session of the database, which can also read the lake.
        tables: Tables to copy.
        requested: Days, in any order.
        stage: Gives the clock and the hash key.
        folder: Local folder for files of this call alone.
        resnapshot_names: Names of tables that get a new snapshot whatever the lake holds.
        chunk_limits: Largest chunk that one call may read of a change-stream table's snapshot. For a larger table
            nothing is read and its missing chunks are yielded. Without it every table is read whole.

    Yields:
        The result of each table, its error, or the chunks that must be read first.

    Raises:
        ReferaError: when no table can be copied at all.
    """
    stream_tables = [table for table in tables if table.strategy is Strategy.LOG]
    if stream_tables:
        yield from StreamIngestRun(lake, source, stage.clock, folder, stage.hash_key, chunk_limits).ingest(
            stream_tables, requested, resnapshot_names=resnapshot_names
        )
    query_tables = [table for table in tables if table.strategy is not Strategy.LOG]
    if not query_tables:
        return
    with source.snapshot():
        for table in query_tables:
            try:
                with isolated(table):
                    require_hash_key(table, stage.hash_key)
                    result = ingest_table(
                        lake,
                        source,
                        table,
                        requested,
                        stage.clock,
                        folder,
                        is_resnapshot=table.name in resnapshot_names,
                    )
            except ReferaError as error:
                yield IngestFailure(table=table, error=error)
            else:
                yield result
