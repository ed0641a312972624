"""Log retention: how long the server keeps the binlog position from which each table goes on. Reads no row."""

from collections.abc import Sequence
from datetime import timedelta

from msgspec import Struct

from refera_platform.doctor.preflight import needed_positions
from refera_platform.duckdb_session.scratch import scratch_folder
from refera_platform.errors import ReferaError
from refera_platform.settings.stage import Stage
from refera_platform.source.connection import open_source
from refera_platform.source.doctor.binlog import retention_left
from refera_platform.source.table import SourceTable


class LogRetention(
    Struct,
    frozen=True,
    kw_only=True,
    rename={"has_read_log": "was_read", "remaining_seconds": "left", "error": "trouble"},
):
    """The log retention of one table."""

    has_read_log: bool
    """Whether its newest day was read from the binlog."""
    remaining_seconds: float | None
    error: ReferaError | None
    """Why the position is gone."""

    @property
    def remaining(self) -> timedelta | None:
        """How long its position is kept at least; ``None`` when the binlog is never purged, or was not read."""
        return None if self.remaining_seconds is None else timedelta(seconds=self.remaining_seconds)


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
                remaining, gone = retention_left(source, settings, *position) if position else None, None
            except ReferaError as error:
                remaining, gone = None, error
            retentions[table.address] = LogRetention(
                has_read_log=position is not None,
                remaining_seconds=None if remaining is None else remaining.total_seconds(),
                error=gone,
            )
    return retentions
