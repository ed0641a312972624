"""Runner of an ingest run: in this process, or in a function on AWS Lambda. Both yield the same results.

stage.runner ──▶ open_ingest_runner() ──▶ IngestRunner.ingest_days() ──▶ IngestResult | IngestFailure of each table

``in_process`` and ``aws_lambda.runner`` are the two runners.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Protocol

import duckdb

from refera_platform.duckdb_session.session import open_duckdb_session
from refera_platform.ingest.result import IngestFailure, IngestResult
from refera_platform.runners.aws_lambda.runner import LambdaIngestRunner, OrchestratedStep
from refera_platform.runners.in_process import InProcessIngestRunner
from refera_platform.settings.stage import Stage
from refera_platform.source.connection import open_source
from refera_platform.source.table import SourceTable


class IngestRunner(Protocol):
    """Runner of one ingest run over one database."""

    connection: duckdb.DuckDBPyConnection
    """DuckDB session that can read the lake."""

    def ingest_days(
        self, tables: Sequence[SourceTable], days: Sequence[date], resnapshot_tables: Collection[str]
    ) -> Iterator[IngestResult | IngestFailure]:
        """Ingest days of tables; yields the result of each table as soon as it is committed."""


@contextmanager
def open_ingest_runner(stage: Stage, database: str, folder: Path, step: OrchestratedStep) -> Iterator[IngestRunner]:
    """Open the runner that the stage configures.

    Args:
        stage: Says which runner.
        database: Our name of the database.
        folder: Scratch folder of the step.
        step: The orchestrator's step, for which the runner works.

    Raises:
        ReferaError: when the source cannot be reached from here.
    """
    if stage.runner.is_lambda:
        with open_duckdb_session(stage, folder) as connection:
            yield LambdaIngestRunner(stage, database, connection, step)
    else:
        with open_source(stage, database, folder) as source:
            yield InProcessIngestRunner(stage, source, folder)
