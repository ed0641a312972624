"""Ingest run of one database: sends each table to the code of its strategy and yields one result a table.

tables ──▶ strategy log ──▶ ingest_stream_tables() (one read of the binlog for all of them)
      └──▶ other strategies ──▶ ingest_table() each, inside one snapshot

Reads and writes nothing itself: ``ingest.stream.run`` and ``ingest.query_based`` do.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import date

from refera_platform.errors import ReferaError
from refera_platform.ingest.context import IngestContext
from refera_platform.ingest.query_based import ingest_table
from refera_platform.ingest.result import IngestFailure, IngestResult
from refera_platform.ingest.snapshot.chunks import PendingChunks
from refera_platform.ingest.stream.run import ingest_stream_tables
from refera_platform.source.fault_isolation import isolated
from refera_platform.source.hashing import require_hash_key
from refera_platform.source.table import SourceTable, Strategy


def ingest_tables(
    context: IngestContext,
    tables: Sequence[SourceTable],
    requested: Sequence[date],
    *,
    resnapshot_names: Collection[str] = (),
) -> Iterator[IngestResult | IngestFailure | PendingChunks]:
    """Copy days of tables of one database into the lake; a table that fails does not stop the others.

    Args:
        context: The run: lake, open source session, stage and local folder.
        tables: Tables to copy.
        requested: Days, in any order.
        resnapshot_names: Names of tables that get a new snapshot whatever the lake holds.

    Yields:
        The result of each table, its error, or the chunks that must be read first (with ``context.chunk_limits``
        nothing is read of a larger table whose chunks are missing).

    Raises:
        ReferaError: when no table can be copied at all.
    """
    stream_tables = [table for table in tables if table.strategy is Strategy.LOG]
    if stream_tables:
        yield from ingest_stream_tables(context, stream_tables, requested, resnapshot_names)
    query_tables = [table for table in tables if table.strategy is not Strategy.LOG]
    if not query_tables:
        return
    with context.source.snapshot():
        for table in query_tables:
            yield _ingest_query_table(context, table, requested, is_resnapshot=table.name in resnapshot_names)


def _ingest_query_table(
    context: IngestContext, table: SourceTable, requested: Sequence[date], *, is_resnapshot: bool
) -> IngestResult | IngestFailure:
    try:
        with isolated(table):
            require_hash_key(table, context.stage.hash_key)
            return ingest_table(context, table, requested, is_resnapshot=is_resnapshot)
    except ReferaError as error:
        return IngestFailure(table=table, error=error)
