"""Ingest runner on AWS Lambda: calls the function, and has the chunks of large tables read side by side.

OrchestratedStep.invoke_function() ──▶ JSON results ──▶ LambdaIngestRunner ──▶ IngestResult | IngestFailure

Reads no row itself: the function does (``ingest``, ``chunk``). Knows no orchestrator: ``orchestration.pipes`` is the
step of Dagster, over whose Pipes the function reports.
"""

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import date
from typing import Any, Protocol

import duckdb

from refera_platform.duckdb_session.secrets import create_store_secret
from refera_platform.errors import LakeError, ReferaError
from refera_platform.ingest.result import IngestFailure, IngestResult
from refera_platform.ingest.snapshot.chunks import PendingChunks
from refera_platform.lake.lake import Lake
from refera_platform.runners.aws_lambda.client import LambdaFunction
from refera_platform.runners.aws_lambda.event import Operation
from refera_platform.runners.aws_lambda.messages import TableResult, result_from_json
from refera_platform.settings.stage import Stage
from refera_platform.source.fault_isolation import isolated
from refera_platform.source.table import SourceTable

MAX_PARALLEL_CHUNKS = 16
"""Most chunks of one table that are read at a time, whatever the limit of the pool."""


class OrchestratedStep(Protocol):
    """Step of an orchestrator for which a runner works."""

    @property
    def log(self) -> logging.Logger:
        """The run's log."""

    def invoke_function(self, function: LambdaFunction, event: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        """Call the function for this step; returns the table results that it reported, as JSON."""

    def claim_slots(self, requested: int) -> AbstractContextManager[int]:
        """Claim readers of the source for the length of a block; yields how many may read, this step included."""


class LambdaIngestRunner:
    """Runner in a Lambda function; adds the days that the lake holds to the results that the function reports."""

    def __init__(
        self, stage: Stage, database: str, connection: duckdb.DuckDBPyConnection, step: OrchestratedStep
    ) -> None:
        self._stage, self._database, self._step = stage, database, step
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
        for table_result in self._ingest(tables, days, resnapshot_tables):
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
        for merged_result in self._ingest(complete_tables, days, resnapshot_tables):
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

    def _ingest(
        self, tables: Sequence[SourceTable], days: Sequence[date], resnapshot_tables: Collection[str]
    ) -> Iterator[TableResult]:
        """Invoke the function once; yields a result for every table."""
        tables_by_address = {table.address: table for table in tables}
        event = {
            "operation": Operation.INGEST.value,
            "stage": self._stage.name,
            "database": self._database,
            "tables": [table.name for table in tables],
            # Dagster sends no partition through Pipes when a run covers several days
            "days": [str(day) for day in days],
            "afresh": [table.name for table in tables if table.name in resnapshot_tables],
        }
        table_results = [
            result_from_json(each, tables_by_address) for each in self._step.invoke_function(self._function, event)
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
        missing_numbers, address = chunked_table.missing_numbers, chunked_table.table.address
        with (
            self._step.claim_slots(min(len(missing_numbers), MAX_PARALLEL_CHUNKS)) as parallel_calls,
            ThreadPoolExecutor(parallel_calls) as pool,
        ):
            self._step.log.info(
                f"{address}: {len(missing_numbers)} of {chunked_table.chunk_count} chunks are read,"
                f" {parallel_calls} at a time"
            )
            rows = list(pool.map(lambda number: self._function.read_chunk(chunked_table, number), missing_numbers))
        self._step.log.info(f"{address}: {sum(rows)} rows are staged in chunks")
