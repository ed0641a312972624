"""Ingest operation of the Lambda function: ingests days of tables within the time limit of one call.

When Dagster made the call, a table too large for one call is reported, and Dagster has its chunks read by other calls.
When a schedule made it, this call reads chunks as long as there is time, and the next call continues.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from refera_platform.duckdb_session.scratch import scratch_folder
from refera_platform.errors import LakeError, ReferaError
from refera_platform.ingest.context import IngestContext
from refera_platform.ingest.open_differences import open_difference
from refera_platform.ingest.result import IngestFailure, IngestResult
from refera_platform.ingest.run import ingest_tables
from refera_platform.ingest.snapshot.chunk_staging import stage_chunk
from refera_platform.ingest.snapshot.chunks import ChunkLimits, PendingChunks
from refera_platform.lake.lake import Lake
from refera_platform.lake.object_state import RawState
from refera_platform.runners.aws_lambda.call import LambdaCall
from refera_platform.runners.aws_lambda.catch_up import (
    IngestPlan,
    PlannedIngest,
    plan_missing_days,
    plan_requested_days,
    scheduled_day,
)
from refera_platform.runners.aws_lambda.messages import TableResult
from refera_platform.source.connection import Source, open_source
from refera_platform.source.fault_isolation import fault_traceback, isolated
from refera_platform.source.table import SourceTable

CHUNK_BYTES = 512 << 20
"""Most bytes of a chunk at the source, as the server estimates them; the disk of a function holds several chunks."""
MIN_CHUNK_SECONDS, MIN_RUN_SECONDS = 120.0, 30.0
"""Seconds that must be left to begin another chunk, and another ingest run."""


def handle_ingest(call: LambdaCall) -> dict[str, Any]:
    """Ingest the requested days.

    Raises:
        ReferaError: when nothing could be ingested; without a connected reporter also when any table failed or differs
            from the source.
    """
    request, is_connected = call.request, call.reporter.is_connected
    with scratch_folder(call.stage) as folder, open_source(call.stage, request.database, folder) as source:
        results = _IngestResults(call, source, folder)
        ingest_plan = results.plan_runs()
        for table in ingest_plan.up_to_date:
            results.record_up_to_date(table)
        chunked_runs = [(results.ingest_run(run), run) for run in ingest_plan.runs]
        if not is_connected:
            for chunked_tables, run in chunked_runs:
                results.merge_chunks(chunked_tables, run)
    unanswered = {table.address for table in request.tables} - results.answered
    if unanswered:
        raise LakeError(
            f"There is no result for {', '.join(sorted(unanswered))}:", "report this with the log of the function."
        )
    if not is_connected:
        results.require_all()
    return {"database": request.database, "tables": results.table_answers}


class _IngestResults:
    """Results of one call so far."""

    def __init__(self, call: LambdaCall, source: Source, folder: Path) -> None:
        self._call, self._source, self._folder = call, source, folder
        self._longest_seconds = dict[str, float]()
        self._refused: dict[str, ReferaError] = {}
        self._differences: dict[str, str] = {}
        self.answered: set[str] = set()
        self.table_answers: dict[str, Any] = {}

    def plan_runs(self) -> IngestPlan:
        """Plan the ingest runs; a table whose newest object cannot be read fails alone."""
        stage, request = self._call.stage, self._call.request
        day = scheduled_day(request, stage.clock.time_zone)
        if day is None:
            return plan_requested_days(request)
        lake, newest = Lake(stage), dict[SourceTable, RawState | None]()
        first_days = dict[SourceTable, date | None]()
        for table in request.tables:
            try:
                with isolated(table):
                    first_days[table] = lake.first_day(table)
                    newest[table] = lake.newest_state(table, self._source.connection)
            except ReferaError as error:
                self._record(IngestFailure(table=table, error=error))
        return plan_missing_days(newest, day, request.resnapshot_tables, first_days)

    def ingest_run(self, planned: PlannedIngest) -> list[PendingChunks]:
        """One ingest run, if there is time for it; returns the tables whose chunks must be read first."""
        if "run" not in self._longest_seconds or self._has_time(MIN_RUN_SECONDS, "run"):
            return self._ingest(planned)
        for table in planned.tables:
            if table.address in self._refused:
                continue
            refusal = LakeError(
                f"This call has no time for day {planned.days[-1]} of {table.address}; the work so far is committed:",
                "call again with the same event, which goes on from there.",
                is_transient=True,
            )
            self._record(IngestFailure(table=table, error=refusal))
        return []

    def _ingest(self, planned: PlannedIngest) -> list[PendingChunks]:
        stage = self._call.stage
        sizes = ChunkLimits(max_rows=stage.runner.chunk_rows, max_bytes=CHUNK_BYTES)
        tables = [table for table in planned.tables if table.address not in self._refused]
        chunked_tables = []
        with self._timed("run") as folder:
            context = IngestContext(
                lake=Lake(stage), source=self._source, stage=stage, folder=folder, chunk_limits=sizes
            )
            for table_result in ingest_tables(
                context, tables, planned.days, resnapshot_names=planned.resnapshot_tables
            ):
                self._call.reporter.report(table_result)
                self._record_or_refuse(table_result)
                if isinstance(table_result, PendingChunks):
                    chunked_tables.append(table_result)
        return chunked_tables

    def merge_chunks(self, chunked_tables: Sequence[PendingChunks], planned: PlannedIngest) -> None:
        """Read the missing chunks of a run's tables, then merge them; a table that fails, fails alone."""
        complete_tables = []
        for chunked_table in chunked_tables:
            try:
                with isolated(chunked_table.table):
                    self._read_chunks(chunked_table)
                complete_tables.append(chunked_table.table)
            except ReferaError as error:
                self._record(IngestFailure(table=chunked_table.table, error=error))
        if not complete_tables:
            return
        for still_chunked in self._ingest(replace(planned, tables=tuple(complete_tables))):
            refusal = LakeError(
                f"The chunks of {still_chunked.table.address} were read, and {len(still_chunked.missing_numbers)}"
                " must be read again:",
                "the table was altered, or its binlog was purged; call again with the same event.",
                is_transient=True,
            )
            self._record(IngestFailure(table=still_chunked.table, error=refusal))

    def record_up_to_date(self, table: SourceTable) -> None:
        """Record a table that already holds a later day than the requested one."""
        self.answered.add(table.address)
        self.table_answers[table.address] = {"days": {}, "kept": [], "agrees": True}

    def require_all(self) -> None:
        """Raise when a table failed or differs from the source: without Dagster nobody else would report it.

        Raises:
            LakeError: naming the tables.
        """
        sentences = []
        if self._differences:
            sentences.append(
                f"What was committed differs from the source: {' | '.join(self._differences.values())}. Look at the"
                " tables (refera verify), and take a new snapshot of each: refera resnapshot."
            )
        if self._refused:
            refusals = " | ".join(str(refusal) for refusal in self._refused.values())
            sentences.append(f"{len(self._refused)} tables were refused, and the others are committed: {refusals}")
        if sentences:
            passing = not self._differences and all(refusal.is_transient for refusal in self._refused.values())
            raise LakeError(" ".join(sentences), is_transient=passing)

    def _has_time(self, least_seconds: float, kind: str) -> bool:
        """Whether there is time for another one of a kind: ``least_seconds``, and twice the longest one so far."""
        return self._call.seconds_left >= max(least_seconds, 2 * self._longest_seconds.get(kind, 0.0))

    @contextmanager
    def _timed(self, kind: str) -> Iterator[Path]:
        """Scratch folder for one ingest run or chunk; records how long it took."""
        started = time.monotonic()
        with TemporaryDirectory(dir=self._folder) as folder:
            yield Path(folder)
        self._longest_seconds[kind] = max(self._longest_seconds.get(kind, 0.0), time.monotonic() - started)

    def _read_chunks(self, chunked_table: PendingChunks) -> None:
        """Read the missing chunks, one after the other.

        Raises:
            LakeError: when there is no time to read all of them and to merge them; chunks that were read stay staged.
        """
        for read_count, chunk_number in enumerate((*chunked_table.missing_numbers, None)):
            if not self._has_time(MIN_CHUNK_SECONDS, "chunk"):
                total_read = chunked_table.chunk_count - len(chunked_table.missing_numbers) + read_count
                raise LakeError(
                    f"{total_read} of {chunked_table.chunk_count} chunks of {chunked_table.table.address} are read,"
                    " and there is no time for more in this call:",
                    "call again with the same event, which goes on with the rest.",
                    is_transient=True,
                )
            if chunk_number is None:
                return
            stage = self._call.stage
            with self._timed("chunk") as folder:
                context = IngestContext(lake=Lake(stage), source=self._source, stage=stage, folder=folder)
                staged_chunk = stage_chunk(context, chunked_table.table, chunked_table.plan_id, chunk_number)
            self._call.logger.info(
                "piece",
                table=chunked_table.table.address,
                piece=chunk_number,
                of=chunked_table.chunk_count,
                rows=staged_chunk.rows,
            )

    def _record_or_refuse(self, table_result: TableResult) -> None:
        """Record the result of a table, or a failure when the result cannot be recorded."""
        try:
            with isolated(table_result.table):
                self._record(table_result)
        except ReferaError as error:
            self._record(IngestFailure(table=table_result.table, error=error))

    def _record(self, table_result: TableResult) -> None:
        address = table_result.table.address
        match table_result:
            case IngestResult():
                self.answered.add(address)
                difference = open_difference(Lake(self._call.stage), table_result) or table_result.unverified_because
                days = {
                    str(filled.day): {"rows": filled.state.row_count, "added": dict(filled.added), "object": filled.url}
                    for filled in table_result.ingested_days
                }
                answer = {
                    "days": days,
                    "kept": [str(day) for day in table_result.unchanged_days],
                    "agrees": not difference,
                }
                self._call.logger.info("captured", table=address, **answer, seconds=round(table_result.seconds, 3))
                previous = self.table_answers.get(address, {"days": {}})
                self.table_answers[address] = {**answer, "days": {**previous["days"], **days}}
                self._differences.pop(address, None)
                if difference:
                    self._differences[address] = difference
                    self._call.logger.error("differs", table=address, trouble=difference)
            case IngestFailure():
                self.answered.add(address)
                self._refused[address] = table_result.error
                frames = {"frames": frames} if (frames := fault_traceback(table_result.error)) else {}
                self._call.logger.error(
                    "refused",
                    table=address,
                    error=type(table_result.error).__name__,
                    trouble=str(table_result.error),
                    **frames,
                )
            case PendingChunks():
                if self._call.reporter.is_connected:
                    self.answered.add(address)
                self._call.logger.info(
                    "in pieces", table=address, plan=table_result.plan_id, missing=len(table_result.missing_numbers)
                )
