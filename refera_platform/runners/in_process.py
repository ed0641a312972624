"""Ingest runner in this process: reads the source through a connection of its own.

Reads and writes nothing itself: ``ingest.run`` does.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import date
from pathlib import Path

from refera_platform.ingest.context import IngestContext
from refera_platform.ingest.result import IngestFailure, IngestResult
from refera_platform.ingest.run import ingest_tables
from refera_platform.ingest.snapshot.chunks import PendingChunks
from refera_platform.lake.lake import Lake
from refera_platform.settings.stage import Stage
from refera_platform.source.connection import Source
from refera_platform.source.table import SourceTable


class InProcessIngestRunner:
    """Runner in this process."""

    def __init__(self, stage: Stage, source: Source, folder: Path) -> None:
        self._stage, self._source, self._folder = stage, source, folder
        self.connection = source.connection

    def ingest_days(
        self, tables: Sequence[SourceTable], days: Sequence[date], resnapshot_tables: Collection[str]
    ) -> Iterator[IngestResult | IngestFailure]:
        """Ingest through this process's own connection to the source."""
        context = IngestContext(lake=Lake(self._stage), source=self._source, stage=self._stage, folder=self._folder)
        for table_result in ingest_tables(context, tables, days, resnapshot_names=resnapshot_tables):
            if not isinstance(table_result, PendingChunks):  # this process reads whole tables
                yield table_result
