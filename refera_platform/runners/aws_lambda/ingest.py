"""Days of tables into the lake, as one call of a function.

Called by Dagster, a table too large for one call is named, and Dagster asks for its pieces. Called by a schedule,
pieces are read here as long as there is time, and the next call goes on with the rest.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from refera_platform.duckdb_session.scratch import scratch
from refera_platform.errors import LakeError, ReferaError
from refera_platform.ingest.open_differences import standing
from refera_platform.ingest.result import Captured, Refused
from refera_platform.ingest.run import capture_tables
from refera_platform.ingest.snapshot.chunks import InPieces, Sizes, stage_piece
from refera_platform.lake.isolation import frames_of, isolated
from refera_platform.lake.lake import Lake
from refera_platform.lake.object_state import RawState
from refera_platform.runners.aws_lambda.catch_up import Missed, Pass, asked_for, missed, scheduled_day
from refera_platform.runners.aws_lambda.event import Request
from refera_platform.runners.aws_lambda.journal import Journal
from refera_platform.runners.aws_lambda.listener import Listener
from refera_platform.runners.aws_lambda.messages import Came
from refera_platform.settings.stage import Stage
from refera_platform.source.connection import Source, connect
from refera_platform.source.table import SourceTable

PIECE_BYTES = 512 << 20
"""Bytes of a piece at the source, as the server guesses them: the disk of a function holds several."""
LEAST_LEFT, LEAST_LEFT_OF_DAYS = 120.0, 30.0
"""Seconds that must be left for another piece, and for another pass over days."""


def capture(
    stage: Stage, request: Request, listening: Listener, journal: Journal, left: Callable[[], float]
) -> dict[str, Any]:
    """Capture what is asked for.

    Args:
        stage: Where.
        request: Which tables and days.
        listening: Is told of each table as soon as it is committed.
        journal: Is told the same in short.
        left: Says how many seconds the call may still take.

    Raises:
        ReferaError: when nothing could be captured; and, when nobody listens, when any table was refused or is not
            what the source holds.
    """
    with scratch(stage) as folder, connect(stage, request.database, folder) as source:
        call = _Call(stage, source, folder, listening, journal, left)
        wanted = call.wanted(request)
        for table in wanted.done:
            call.has_already(table)
        divided = [(call.run(each), each) for each in wanted.passes]
        if not listening.is_there:
            for pieces, each in divided:
                call.put_together(pieces, each)
    silent = {table.address for table in request.tables} - call.answered
    if silent:
        raise LakeError(f"Nothing came of {', '.join(sorted(silent))}:", "report this with the log of the function.")
    if not listening.is_there:
        call.require_all()
    return {"database": request.database, "tables": call.told}


class _Call:
    """What came of the tables so far."""

    def __init__(
        self,
        stage: Stage,
        source: Source,
        folder: Path,
        listening: Listener,
        journal: Journal,
        left: Callable[[], float],
    ) -> None:
        self._stage, self._source, self._folder = stage, source, folder
        self._listening, self._journal, self._left = listening, journal, left
        self._longest = dict[str, float]()
        self._refused: dict[str, ReferaError] = {}
        self._differing: dict[str, str] = {}
        self.answered: set[str] = set()
        self.told: dict[str, Any] = {}

    def wanted(self, request: Request) -> Missed:
        """What the call has to do; a table whose newest object cannot be read is refused by itself."""
        day = scheduled_day(request, self._stage.clock.time_zone)
        if day is None:
            return asked_for(request)
        lake, newest = Lake(self._stage), dict[SourceTable, RawState | None]()
        begins = dict[SourceTable, date | None]()
        for table in request.tables:
            try:
                with isolated(table):
                    begins[table] = lake.first_day(table)
                    newest[table] = lake.newest(table, self._source.connection)
            except ReferaError as trouble:
                self._note(Refused(table=table, trouble=trouble))
        return missed(newest, day, request.afresh, begins)

    def run(self, wanted: Pass) -> list[InPieces]:
        """One pass, when there is time for it; gives the tables whose pieces must be read first."""
        if "pass" not in self._longest or self._has_time(LEAST_LEFT_OF_DAYS, "pass"):
            return self._run(wanted)
        for table in wanted.tables:
            if table.address in self._refused:
                continue
            late = LakeError(
                f"This call has no time for day {wanted.days[-1]} of {table.address}; what came before is committed:",
                "call again with the same event, which goes on from there.",
                passing=True,
            )
            self._note(Refused(table=table, trouble=late))
        return []

    def _run(self, wanted: Pass) -> list[InPieces]:
        stage, sizes = self._stage, Sizes(rows=self._stage.runner.piece_rows, bytes=PIECE_BYTES)
        tables = [table for table in wanted.tables if table.address not in self._refused]
        pieces = []
        with self._timed("pass") as folder:
            for came in capture_tables(
                Lake(stage),
                self._source,
                tables,
                wanted.days,
                stage,
                folder,
                afresh=wanted.afresh,
                sizes=sizes,
            ):
                self._listening.hear(came)
                self._note_or_refuse(came)
                if isinstance(came, InPieces):
                    pieces.append(came)
        return pieces

    def put_together(self, divided: Sequence[InPieces], wanted: Pass) -> None:
        """Read the missing pieces of the tables of a pass, and then the tables; one that fails is refused by itself."""
        whole = []
        for came in divided:
            try:
                with isolated(came.table):
                    self._read_pieces(came)
                whole.append(came.table)
            except ReferaError as trouble:
                self._note(Refused(table=came.table, trouble=trouble))
        if not whole:
            return
        for again in self._run(replace(wanted, tables=tuple(whole))):
            wanted_again = LakeError(
                f"The pieces of {again.table.address} were read, and {len(again.missing)} are wanted again:",
                "the table changed its shape, or its log went; call again with the same event.",
                passing=True,
            )
            self._note(Refused(table=again.table, trouble=wanted_again))

    def has_already(self, table: SourceTable) -> None:
        """Note a table that shows a later moment than the one asked for."""
        self.answered.add(table.address)
        self.told[table.address] = {"days": {}, "kept": [], "agrees": True}

    def require_all(self) -> None:
        """Fail when a table was refused, or is not what the source holds: nobody else would say so.

        Raises:
            LakeError: naming them.
        """
        said = []
        if self._differing:
            said.append(
                f"What was committed is not what the source holds: {' | '.join(self._differing.values())}. Look at the"
                " tables (refera verify), and take a new baseline of each: refera resnapshot."
            )
        if self._refused:
            troubles = " | ".join(str(trouble) for trouble in self._refused.values())
            said.append(f"{len(self._refused)} tables were refused, and the others are committed: {troubles}")
        if said:
            passing = not self._differing and all(trouble.passing for trouble in self._refused.values())
            raise LakeError(" ".join(said), passing=passing)

    def _has_time(self, least: float, kind: str) -> bool:
        """Whether there is time for another one of a kind: ``least`` seconds, and twice the longest one so far."""
        return self._left() >= max(least, 2 * self._longest.get(kind, 0.0))

    @contextmanager
    def _timed(self, kind: str) -> Iterator[Path]:
        """A folder for one thing that may be done again, whose time is kept."""
        began = time.monotonic()
        with TemporaryDirectory(dir=self._folder) as folder:
            yield Path(folder)
        self._longest[kind] = max(self._longest.get(kind, 0.0), time.monotonic() - began)

    def _read_pieces(self, came: InPieces) -> None:
        """Read the pieces that are missing, one after the other.

        Raises:
            LakeError: when there is no time for all of them and for putting them together; those that were read stay.
        """
        for at, number in enumerate((*came.missing, None)):
            if not self._has_time(LEAST_LEFT, "piece"):
                done = came.count - len(came.missing) + at
                raise LakeError(
                    f"{done} of {came.count} pieces of {came.table.address} are read, and there is no time for more in"
                    " this call:",
                    "call again with the same event, which goes on with the rest.",
                    passing=True,
                )
            if number is None:
                return
            lake, clock = Lake(self._stage), self._stage.clock
            with self._timed("piece") as folder:
                one = stage_piece(lake, self._source, came.table, came.plan, number, clock, folder)
            self._journal.info("piece", table=came.table.address, piece=number, of=came.count, rows=one.rows)

    def _note_or_refuse(self, came: Came) -> None:
        """Note what came of a table; one of which that cannot be said is refused."""
        try:
            with isolated(came.table):
                self._note(came)
        except ReferaError as trouble:
            self._note(Refused(table=came.table, trouble=trouble))

    def _note(self, came: Came) -> None:
        address = came.table.address
        match came:
            case Captured():
                self.answered.add(address)
                found = standing(Lake(self._stage), came) or came.doubt
                days = {
                    str(filled.day): {"rows": filled.state.row_count, "added": dict(filled.added), "object": filled.url}
                    for filled in came.filled
                }
                told = {"days": days, "kept": [str(day) for day in came.kept], "agrees": not found}
                self._journal.info("captured", table=address, **told, seconds=round(came.seconds, 3))
                before = self.told.get(address, {"days": {}})
                self.told[address] = {**told, "days": {**before["days"], **days}}
                self._differing.pop(address, None)
                if found:
                    self._differing[address] = found
                    self._journal.error("differs", table=address, trouble=found)
            case Refused():
                self.answered.add(address)
                self._refused[address] = came.trouble
                frames = {"frames": frames} if (frames := frames_of(came.trouble)) else {}
                self._journal.error(
                    "refused",
                    table=address,
                    error=type(came.trouble).__name__,
                    trouble=str(came.trouble),
                    **frames,
                )
            case InPieces():
                if self._listening.is_there:
                    self.answered.add(address)
                self._journal.info("in pieces", table=address, plan=came.plan, missing=len(came.missing))
