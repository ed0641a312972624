"""How long the server's log still has the place where each table goes on: what is purged before it was read is lost."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from refera_platform.doctor.preflight import needed_positions
from refera_platform.duckdb_session.scratch import scratch_folder
from refera_platform.errors import ReferaError
from refera_platform.settings.stage import Stage
from refera_platform.source.connection import open_source
from refera_platform.source.doctor.binlog import retention_left
from refera_platform.source.table import SourceTable


@dataclass(frozen=True, kw_only=True)
class LogRetention:
    """Of one table."""

    has_read_log: bool
    """Whether anything of it was read from the log so far."""
    remaining: timedelta | None = None
    """How long its place is kept at least; ``None`` when nobody purges it, or nothing was read."""
    error: ReferaError | None = None
    """Why the place is gone."""


def log_retentions(stage: Stage, database: str, tables: Sequence[SourceTable]) -> dict[str, LogRetention]:
    """Of each table, by its address.

    Raises:
        ReferaError: when the source or the lake cannot be read.
    """
    retentions = {}
    with scratch_folder(stage) as folder, open_source(stage, database, folder) as source:
        settings, positions = source.server.binlog_settings(), needed_positions(stage, source, tables)
        for table in tables:
            position = positions.get(table.address)
            try:
                remaining = retention_left(source, settings, *position) if position else None
            except ReferaError as error:
                retentions[table.address] = LogRetention(has_read_log=True, error=error)
            else:
                retentions[table.address] = LogRetention(has_read_log=position is not None, remaining=remaining)
    return retentions
