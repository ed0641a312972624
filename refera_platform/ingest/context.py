"""Context of one ingest run of a database: the lake, the open source session, the stage and a local folder.

Every step of ``ingest`` takes it instead of its parts. Holds nothing that a step found: steps return values.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from refera_platform.clock import Clock
from refera_platform.ingest.snapshot.chunks import ChunkLimits
from refera_platform.lake.lake import Lake, RawObject
from refera_platform.lake.local_copies import LocalCopies
from refera_platform.lake.writer import LakeWriter
from refera_platform.settings.stage import Stage
from refera_platform.source.connection import Source
from refera_platform.source.table import SourceTable


@dataclass(frozen=True, kw_only=True)
class IngestContext:
    """What the steps of one ingest run share."""

    lake: Lake
    """The lake that gets the days."""
    source: Source
    """An open session of the database, which can also read the lake."""
    stage: Stage
    """Gives the clock and the hash key."""
    folder: Path
    """Local folder for files of this run alone."""
    chunk_limits: ChunkLimits | None = None
    """Largest chunk of a snapshot that one call may read; without it every table is read whole."""

    @property
    def clock(self) -> Clock:
        """Clock of the stage."""
        return self.stage.clock

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """DuckDB session of the source, which can also read the lake."""
        return self.source.connection

    @property
    def writer(self) -> LakeWriter:
        """Writer of the lake's objects."""
        return LakeWriter(lake=self.lake, connection=self.connection, folder=self.folder)

    @property
    def copies(self) -> LocalCopies:
        """Verified local copies of the lake's objects."""
        return LocalCopies(self.lake.objects, self.folder)

    def days_in_lake(self, table: SourceTable) -> dict[date, RawObject]:
        """The days of a table in the lake with the state of each object, oldest first."""
        return self.lake.days(table, self.connection)
