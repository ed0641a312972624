"""Change reader for some tables of one database: reads the binlog once, on one connection, for all of them.

ChangeRequest of each table ──▶ read_changes(until the snapshot) ──▶ TableChanges, with an error if it is incomplete

Decodes no event (``source.mysql.binlog`` does) and writes no object (``day_writer`` does).
"""

from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime

from refera_platform.errors import LakeError, ReferaError
from refera_platform.ingest.stream.change_collector import ChangeCollector
from refera_platform.ingest.stream.changes import ChangeRequest, TableChanges
from refera_platform.ingest.stream.context import StreamContext, StreamSnapshot
from refera_platform.ingest.stream.router import StreamRouter
from refera_platform.source.mysql.binlog.verified_position import require_same_binlog
from refera_platform.source.mysql.change_stream import read_change_stream
from refera_platform.source.mysql.server import Server
from refera_platform.source.position import Position


def read_changes(
    context: StreamContext, snapshot: StreamSnapshot, requests: Sequence[ChangeRequest]
) -> dict[str, TableChanges]:
    """Read the binlog up to the snapshot, once for all tables; a table whose start position is gone fails alone.

    Args:
        context: The run.
        snapshot: Its snapshot.
        requests: The tables and their days, one request a table.

    Returns:
        The changes of each request, by name of its table.

    Raises:
        SourceError: when the binlog cannot be read, also after retries.
        LakeError: when the binlog is not the one that was read before, or is not complete.
    """
    collectors = _open_collectors(context, requests)
    _collect(context, snapshot, collectors)
    return {collector.table.name: collector.collected() for collector in collectors}


def read_available_changes(
    context: StreamContext, snapshot: StreamSnapshot, requests: Sequence[ChangeRequest]
) -> dict[str, TableChanges]:
    """Do the same for tables that get a new snapshot anyway: an incomplete binlog fails none of them.

    Raises:
        ReferaError: only a transient one.
    """
    collectors = _open_collectors(context, requests)
    try:
        _collect(context, snapshot, collectors)
    except ReferaError as error:
        if error.is_transient:
            raise
        for collector in collectors:
            collector.fail(error)
    return {collector.table.name: collector.collected() for collector in collectors}


def start_error(server: Server, position: Position) -> LakeError | None:
    """Why the binlog cannot be read from a position; ``None`` when it can."""
    try:
        require_same_binlog(server, position)
    except LakeError as error:
        return error
    return None


def _open_collectors(context: StreamContext, requests: Sequence[ChangeRequest]) -> list[ChangeCollector]:
    """A collector for each request; it has failed when the start position is gone."""
    server = context.source.server
    errors = {position: start_error(server, position) for position in {each.start for each in requests if each.start}}
    collectors = []
    for request in requests:
        collector = ChangeCollector(request, context.connection, context.folder)
        if request.start and (error := errors[request.start]):
            collector.fail(error)
        collectors.append(collector)
    return collectors


def _collect(context: StreamContext, snapshot: StreamSnapshot, collectors: Sequence[ChangeCollector]) -> None:
    """Read the binlog into the collectors, from the first of their start positions."""
    collectors = [each for each in collectors if not each.error]
    latest_second = int(max(context.now, datetime.now(UTC)).timestamp())
    router = StreamRouter(collectors, latest_second, context.clock.today())
    tables = [each.request.stream_table for each in collectors]
    if not any(table.start for table in tables):
        return
    stream = read_change_stream(context.source, context.column_resolver, snapshot.cascades, tables, snapshot.position)
    with closing(stream) as events:
        for event in events:
            router.route(event)
            if router.is_done:
                return
