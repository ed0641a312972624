"""Step of an ingest run: ingests the selected tables of one database, and materializes each one when it is committed.

A table that fails does not stop the others: their days are committed and materialized, and the step fails at its end.
Reads and writes nothing itself: ``runners`` does. ``assets.raw_tables`` has the assets.
"""

from collections.abc import Iterator, Sequence
from datetime import date

import dagster as dg
import duckdb

from refera_platform.disk import translate_disk_errors
from refera_platform.duckdb_session.scratch import scratch_folder
from refera_platform.errors import ReferaError, UnavailableDayError
from refera_platform.ingest.result import IngestFailure, IngestResult
from refera_platform.lake.days import require_in_calendar
from refera_platform.orchestration import keys
from refera_platform.orchestration.metadata.raw_materialization import materialize_result
from refera_platform.orchestration.metadata.raw_table import DayMetadata
from refera_platform.orchestration.partitions import partition_days
from refera_platform.orchestration.pipes import PipesStep
from refera_platform.orchestration.run_history.failed_steps import dagster_failure
from refera_platform.orchestration.run_history.table_failures import failure_for_tables
from refera_platform.orchestration.run_request import RESNAPSHOT_TAG
from refera_platform.runners.ingest_runner import open_ingest_runner
from refera_platform.settings.stage import Stage
from refera_platform.source.fault_isolation import fault_traceback, isolated
from refera_platform.source.table import SourceTable


def materialize_tables(
    context: dg.AssetExecutionContext, stage: Stage, database: str, tables: Sequence[SourceTable]
) -> Iterator[dg.MaterializeResult[None]]:
    """Ingest the partitions of the step, and yield the materialization of each table.

    Raises:
        dg.Failure: when the source cannot be read, or any table failed.
    """
    ingest_failures = list[IngestFailure]()
    resnapshot_tables = {table.name for table in tables} if RESNAPSHOT_TAG in context.run.tags else set()
    step = PipesStep(context, stage, keys.source_pool(database))
    try:
        # checked before Dagster does: its error for an unknown partition names no next step
        require_in_calendar(partition_days(context.run.tags), stage.clock, stage.first_day)
        days = [date.fromisoformat(partition) for partition in context.partition_keys]
        with (
            translate_disk_errors(stage.scratch),
            scratch_folder(stage) as folder,
            open_ingest_runner(stage, database, folder, step) as runner,
        ):
            for table_result in runner.ingest_days(tables, days, resnapshot_tables):
                outcome = _materialize(context, table_result, stage, runner.connection)
                if isinstance(outcome, IngestFailure):
                    context.log.error(f"{outcome.table.address}: {outcome.error}")
                    if frames := fault_traceback(outcome.error):
                        context.log.debug(frames)
                    ingest_failures.append(outcome)
                else:
                    yield outcome
    except UnavailableDayError as error:
        raise failure_for_tables([IngestFailure(table=table, error=error) for table in tables]) from None
    except ReferaError as error:
        raise dagster_failure(error) from None
    if ingest_failures:
        raise failure_for_tables(ingest_failures)


def _materialize(
    context: dg.AssetExecutionContext,
    result: IngestResult | IngestFailure,
    stage: Stage,
    connection: duckdb.DuckDBPyConnection,
) -> dg.MaterializeResult[None] | IngestFailure:
    """Materialization of one table; an ``IngestFailure`` when its metadata cannot be made, so that the others go on."""
    if isinstance(result, IngestFailure):
        return result
    try:
        with isolated(result.table):
            return materialize_result(context, result, DayMetadata(stage, connection, result))
    except ReferaError as error:
        return IngestFailure(table=result.table, error=error)
