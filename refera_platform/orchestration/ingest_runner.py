"""Runners of an ingest run: in this process, or in a function on AWS Lambda. Both yield the same results.

stage.runner ──▶ open_ingest_runner() ──▶ IngestRunner.ingest_days() ──▶ IngestResult | IngestFailure of each table

Reads no row itself: ``ingest.run`` does, here or in the function. ``runners.aws_lambda`` is the function's side.
"""

import warnings
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Protocol

import dagster as dg
import duckdb

from refera_platform.aws import s3_client
from refera_platform.duckdb_session.secrets import create_store_secret
from refera_platform.duckdb_session.session import open_duckdb_session
from refera_platform.errors import LakeError, ReferaError
from refera_platform.ingest.context import IngestContext
from refera_platform.ingest.result import IngestFailure, IngestResult
from refera_platform.ingest.run import ingest_tables
from refera_platform.ingest.snapshot.chunks import PendingChunks
from refera_platform.lake.fault_isolation import isolated
from refera_platform.lake.lake import Lake
from refera_platform.runners.aws_lambda.client import LambdaFunction
from refera_platform.runners.aws_lambda.event import Operation
from refera_platform.runners.aws_lambda.messages import TableResult, result_from_json
from refera_platform.runners.aws_lambda.reporter import RESULT_KEY
from refera_platform.settings.stage import Stage
from refera_platform.source.connection import Source, open_source
from refera_platform.source.table import SourceTable

MAX_PARALLEL_CHUNKS = 16
"""Most chunks of one table that are read at a time, whatever the limit of the pool."""
MESSAGE_POLL_SECONDS = 0.5
"""Seconds between two polls for messages of a function."""


class IngestRunner(Protocol):
    """Runner of one ingest run over one database."""

    connection: duckdb.DuckDBPyConnection
    """DuckDB session that can read the lake."""

    def ingest_days(
        self, tables: Sequence[SourceTable], days: Sequence[date], resnapshot_tables: Collection[str]
    ) -> Iterator[IngestResult | IngestFailure]:
        """Ingest days of tables; yields the result of each table as soon as it is committed."""


@contextmanager
def open_ingest_runner(
    stage: Stage, database: str, folder: Path, context: dg.AssetExecutionContext, pool: str
) -> Iterator[IngestRunner]:
    """Open the runner that the stage configures.

    Args:
        stage: Says which runner.
        database: Our name of the database.
        folder: Scratch folder of the step.
        context: Dagster's context of the step.
        pool: Pool that limits how many readers of the source run at a time.

    Raises:
        ReferaError: when the source cannot be reached from here.
    """
    if stage.runner.is_lambda:
        with open_duckdb_session(stage, folder) as connection:
            yield LambdaIngestRunner(stage, database, connection, context, pool)
    else:
        with open_source(stage, database, folder) as source:
            yield LocalIngestRunner(stage, source, folder)


class LocalIngestRunner:
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


class LambdaIngestRunner:
    """Runner in a Lambda function; adds the days that the lake holds to the results that the function reports."""

    def __init__(
        self,
        stage: Stage,
        database: str,
        connection: duckdb.DuckDBPyConnection,
        context: dg.AssetExecutionContext,
        pool: str,
    ) -> None:
        self._stage, self._database, self._context, self._pool = stage, database, context, pool
        self._function = LambdaFunction(stage)
        self.connection = connection

    def ingest_days(
        self, tables: Sequence[SourceTable], days: Sequence[date], resnapshot_tables: Collection[str]
    ) -> Iterator[IngestResult | IngestFailure]:
        """Invoke the function; for a table too large for one call, first once for each of its chunks.

        Raises:
            ReferaError: when the call failed, or did not answer for every table.
        """
        chunked_tables = list[PendingChunks]()
        for table_result in self._invoke_function(tables, days, resnapshot_tables):
            if isinstance(table_result, PendingChunks):
                chunked_tables.append(table_result)
            else:
                yield self._with_lake_days(table_result)
        complete_tables = list[SourceTable]()
        for table_result in chunked_tables:
            try:
                with isolated(table_result.table):
                    self._read_chunks(table_result)
                complete_tables.append(table_result.table)
            except ReferaError as error:
                yield IngestFailure(table=table_result.table, error=error)
        if not complete_tables:
            return
        for merged_result in self._invoke_function(complete_tables, days, resnapshot_tables):
            if isinstance(merged_result, PendingChunks):
                yield IngestFailure(
                    table=merged_result.table,
                    error=LakeError(
                        f"The chunks of {merged_result.table.address} were read, and"
                        f" {len(merged_result.missing_numbers)} must be read again:",
                        "the table was altered, or its binlog was purged; run it again.",
                        is_transient=True,
                    ),
                )
            else:
                yield self._with_lake_days(merged_result)

    def _invoke_function(
        self, tables: Sequence[SourceTable], days: Sequence[date], resnapshot_tables: Collection[str]
    ) -> Iterator[TableResult]:
        # importing it takes 0.2 s, which the local runner need not pay
        from dagster_aws.pipes import PipesLambdaClient, PipesS3MessageReader

        stage, tables_by_address = self._stage, {table.address: table for table in tables}
        reader = PipesS3MessageReader(
            bucket=stage.runner.messages_bucket, client=s3_client(stage.store), interval=MESSAGE_POLL_SECONDS
        )
        event = {
            "operation": Operation.INGEST.value,
            "stage": stage.name,
            "database": self._database,
            "tables": [table.name for table in tables],
            # Dagster sends no partition through Pipes when a run covers several days
            "days": [str(day) for day in days],
            "afresh": [table.name for table in tables if table.name in resnapshot_tables],
        }
        with warnings.catch_warnings():
            # Dagster warns about its own preview parts on each call
            warnings.simplefilter("ignore", dg.PreviewWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            invocation = PipesLambdaClient(client=self._function, message_reader=reader).run(
                function_name=self._function.name, event=event, context=self._context
            )
        reported = [
            facts.value
            for result in invocation.get_results(implicit_materializations=False)
            if isinstance(result, dg.MaterializeResult)
            and isinstance(facts := (result.metadata or {}).get(RESULT_KEY), dg.JsonMetadataValue)
        ]
        table_results = [
            result_from_json(each, tables_by_address) for each in (*reported, *invocation.get_custom_messages())
        ]
        if unanswered := sorted(set(tables_by_address) - {each.table.address for each in table_results}):
            raise LakeError(
                f"Function {self._function.name} ended without a result for {', '.join(unanswered)}:",
                "look at its log; what it had committed counts, and the next run goes on from there.",
                is_transient=True,
            )
        yield from table_results

    def _with_lake_days(self, table_result: IngestResult | IngestFailure) -> IngestResult | IngestFailure:
        if isinstance(table_result, IngestFailure):
            return table_result
        try:
            with isolated(table_result.table):
                # the calls may have taken hours, and the credentials of a role are valid for one hour
                create_store_secret(self.connection, self._stage.store)
                return replace(table_result, days_in_lake=Lake(self._stage).days(table_result.table, self.connection))
        except ReferaError as error:
            return IngestFailure(table=table_result.table, error=error)

    def _read_chunks(self, chunked_table: PendingChunks) -> None:
        """Have the missing chunks read, as many at a time as the pool has free slots.

        Raises:
            ReferaError: of the first chunk that failed for good; the other chunks stay staged.
        """
        with (
            self._claim_slots(len(chunked_table.missing_numbers)) as parallel_calls,
            ThreadPoolExecutor(parallel_calls) as pool,
        ):
            self._context.log.info(
                f"{chunked_table.table.address}: {len(chunked_table.missing_numbers)} of"
                f" {chunked_table.chunk_count} chunks are read, {parallel_calls} at a time"
            )
            rows = list(
                pool.map(lambda number: self._function.read_chunk(chunked_table, number), chunked_table.missing_numbers)
            )
        self._context.log.info(f"{chunked_table.table.address}: {sum(rows)} rows are staged in chunks")

    @contextmanager
    def _claim_slots(self, requested: int) -> Iterator[int]:
        """Claim free slots of the pool; yields how many calls may read at a time, this step's own slot included."""
        storage, run, step = (
            self._context.instance.event_log_storage,
            self._context.run.run_id,
            self._context.op_execution_context.get_step_execution_context().step.key,
        )
        claimed_steps = list[str]()
        try:
            for number in range(2, min(requested, MAX_PARALLEL_CHUNKS) + 1):
                name = f"{step}/pieces-{number}"
                claimed_steps.append(name)
                if not storage.claim_concurrency_slot(self._pool, run, name).is_claimed:
                    storage.free_concurrency_slot_for_step(run, claimed_steps.pop())
                    break
            yield len(claimed_steps) + 1
        finally:
            for name in claimed_steps:
                storage.free_concurrency_slot_for_step(run, name)
