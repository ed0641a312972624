"""Where a pass over a database runs: in this process, or in a function on AWS Lambda. What comes of it is the same.

stage.runner ──▶ opened() ──▶ Pass.capture(tables, days) ──▶ Captured | Refused of each table
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

from refera_platform.aws import client
from refera_platform.duckdb_session.secrets import open_store
from refera_platform.duckdb_session.session import session
from refera_platform.errors import LakeError, ReferaError
from refera_platform.ingest.result import Captured, Refused
from refera_platform.ingest.run import capture_tables
from refera_platform.ingest.snapshot.chunks import InPieces
from refera_platform.lake.isolation import isolated
from refera_platform.lake.lake import Lake
from refera_platform.runners.aws_lambda.client import Function
from refera_platform.runners.aws_lambda.event import Operation
from refera_platform.runners.aws_lambda.listener import FACTS
from refera_platform.runners.aws_lambda.messages import Came, heard
from refera_platform.settings.stage import Stage
from refera_platform.source.connection import Source, connect
from refera_platform.source.table import SourceTable

MOST_AT_ONCE = 16
"""Pieces of one table that are read at a time at most, whatever the pool allows."""
POLL = 0.5
"""Seconds between two looks at the messages of a function."""


class Pass(Protocol):
    """One pass over one database."""

    connection: duckdb.DuckDBPyConnection
    """A session that can read the lake."""

    def capture(
        self, tables: Sequence[SourceTable], days: Sequence[date], afresh: Collection[str]
    ) -> Iterator[Captured | Refused]:
        """Bring days of tables into the lake; each table is told as soon as it is committed."""


@contextmanager
def opened(stage: Stage, database: str, folder: Path, context: dg.AssetExecutionContext, pool: str) -> Iterator[Pass]:
    """A pass where the stage wants it.

    Args:
        stage: Says where.
        database: Our name of the database.
        folder: Local folder of the step.
        context: The step.
        pool: Limits how many calls read the source at a time.

    Raises:
        ReferaError: when the source cannot be reached from here.
    """
    if stage.runner.is_lambda:
        with session(stage, folder) as connection:
            yield OnLambda(stage, database, connection, context, pool)
    else:
        with connect(stage, database, folder) as source:
            yield Here(stage, source, folder)


class Here:
    """In this process."""

    def __init__(self, stage: Stage, source: Source, folder: Path) -> None:
        self._stage, self._source, self._folder = stage, source, folder
        self.connection = source.connection

    def capture(
        self, tables: Sequence[SourceTable], days: Sequence[date], afresh: Collection[str]
    ) -> Iterator[Captured | Refused]:
        """Capture by this process's own connection."""
        stage = self._stage
        for came in capture_tables(Lake(stage), self._source, tables, days, stage, self._folder, afresh=afresh):
            if not isinstance(came, InPieces):  # who reads here reads whole tables
                yield came


class OnLambda:
    """In a function; what it says is completed by what the lake shows."""

    def __init__(
        self,
        stage: Stage,
        database: str,
        connection: duckdb.DuckDBPyConnection,
        context: dg.AssetExecutionContext,
        pool: str,
    ) -> None:
        self._stage, self._database, self._context, self._pool = stage, database, context, pool
        self._function = Function(stage)
        self.connection = connection

    def capture(
        self, tables: Sequence[SourceTable], days: Sequence[date], afresh: Collection[str]
    ) -> Iterator[Captured | Refused]:
        """Call the function, and for tables that are too large for one call first for each of their pieces.

        Raises:
            ReferaError: when the call failed, or did not answer for every table.
        """
        divided = list[InPieces]()
        for came in self._called(tables, days, afresh):
            if isinstance(came, InPieces):
                divided.append(came)
            else:
                yield self._completed(came)
        whole = list[SourceTable]()
        for came in divided:
            try:
                with isolated(came.table):
                    self._read_pieces(came)
                whole.append(came.table)
            except ReferaError as trouble:
                yield Refused(table=came.table, trouble=trouble)
        if not whole:
            return
        for last in self._called(whole, days, afresh):
            if isinstance(last, InPieces):
                yield Refused(
                    table=last.table,
                    trouble=LakeError(
                        f"The pieces of {last.table.address} were read, and {len(last.missing)} are wanted again:",
                        "the table changed its shape, or its log went; run it again.",
                        passing=True,
                    ),
                )
            else:
                yield self._completed(last)

    def _called(self, tables: Sequence[SourceTable], days: Sequence[date], afresh: Collection[str]) -> Iterator[Came]:
        # 0.2 s, and of no use to whoever reads the source in this process
        from dagster_aws.pipes import PipesLambdaClient, PipesS3MessageReader

        stage, wanted = self._stage, {table.address: table for table in tables}
        reader = PipesS3MessageReader(bucket=stage.runner.messages, client=client(stage.store), interval=POLL)
        event = {
            "operation": Operation.CAPTURE.value,
            "stage": stage.name,
            "database": self._database,
            "tables": [table.name for table in tables],
            # a run over several days carries no partition into Pipes
            "days": [str(day) for day in days],
            "afresh": [table.name for table in tables if table.name in afresh],
        }
        with warnings.catch_warnings():
            # what Dagster says of its own parts on each call is of no use to whoever made it
            warnings.simplefilter("ignore", dg.PreviewWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            done = PipesLambdaClient(client=self._function, message_reader=reader).run(
                function_name=self._function.name, event=event, context=self._context
            )
        said = [
            facts.value
            for result in done.get_results(implicit_materializations=False)
            if isinstance(result, dg.MaterializeResult)
            and isinstance(facts := (result.metadata or {}).get(FACTS), dg.JsonMetadataValue)
        ]
        came = [heard(each, wanted) for each in (*said, *done.get_custom_messages())]
        if silent := sorted(set(wanted) - {each.table.address for each in came}):
            raise LakeError(
                f"Function {self._function.name} ended and said nothing of {', '.join(silent)}:",
                "look at its log; what it had committed counts, and the next run goes on from there.",
                passing=True,
            )
        yield from came

    def _completed(self, came: Captured | Refused) -> Captured | Refused:
        if isinstance(came, Refused):
            return came
        try:
            with isolated(came.table):
                # the calls may have taken hours, and the credentials of a role live for one
                open_store(self.connection, self._stage.store)
                return replace(came, known=Lake(self._stage).days(came.table, self.connection))
        except ReferaError as trouble:
            return Refused(table=came.table, trouble=trouble)

    def _read_pieces(self, came: InPieces) -> None:
        """Let the missing pieces be read, as many at a time as the pool has room for.

        Raises:
            ReferaError: of the first piece that failed for good; the others go on being kept.
        """
        with self._slots(len(came.missing)) as width, ThreadPoolExecutor(width) as calls:
            self._context.log.info(
                f"{came.table.address}: {len(came.missing)} of {came.count} pieces are read, {width} at a time"
            )
            rows = list(calls.map(lambda number: self._function.piece(came, number), came.missing))
        self._context.log.info(f"{came.table.address}: {sum(rows)} rows are there in pieces")

    @contextmanager
    def _slots(self, wanted: int) -> Iterator[int]:
        """How many calls may read the source at a time: this step's own slot of the pool, and those that are free."""
        storage, run, step = (
            self._context.instance.event_log_storage,
            self._context.run.run_id,
            self._context.op_execution_context.get_step_execution_context().step.key,
        )
        taken = list[str]()
        try:
            for number in range(2, min(wanted, MOST_AT_ONCE) + 1):
                name = f"{step}/pieces-{number}"
                taken.append(name)
                if not storage.claim_concurrency_slot(self._pool, run, name).is_claimed:
                    storage.free_concurrency_slot_for_step(run, taken.pop())
                    break
            yield len(taken) + 1
        finally:
            for name in taken:
                storage.free_concurrency_slot_for_step(run, name)
