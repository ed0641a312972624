"""Log retention: how long the server keeps the binlog position from which each table goes on. Reads no row."""

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
    """The log retention of one table."""

    has_read_log: bool
    """Whether its newest day was read from the binlog."""
    remaining: timedelta | None = None
    """How long its position is kept at least; ``None`` when the binlog is never purged, or was not read."""
    error: ReferaError | None = None
    """Why the position is gone."""


def log_retentions(stage: Stage, database: str, tables: Sequence[SourceTable]) -> dict[str, LogRetention]:
    """The log retention of each table, by its address.

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
