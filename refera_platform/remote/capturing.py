"""Days of tables into the lake, as one call of a function.

Called by Dagster, a table too large for one call is named, and Dagster asks for its pieces. Called by a schedule,
pieces are read here as long as there is time, and the next call goes on with the rest.
"""

import time
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from refera_platform.engine import scratch
from refera_platform.errors import LakeError
from refera_platform.lake.captured import Captured, Refused
from refera_platform.lake.days import catch_up
from refera_platform.lake.lake import Lake
from refera_platform.lake.passes import capture_tables
from refera_platform.lake.pieces import InPieces, Sizes, stage_piece
from refera_platform.remote.event import Request
from refera_platform.remote.facts import Came
from refera_platform.remote.journal import Journal
from refera_platform.remote.listener import Listener
from refera_platform.source.connection import Source, connect
from refera_platform.source.table import SourceTable
from refera_platform.stage import Stage

PIECE_BYTES = 512 << 20
"""Bytes of a piece at the source, as the server guesses them: the disk of a function holds several."""
LEAST_LEFT = 120.0
"""Seconds that must be left for another piece."""


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
        ReferaError: when nothing could be captured; and, when nobody listens, when any table was refused.
    """
    with scratch(stage) as folder, connect(stage, request.database, folder) as source:
        call = _Call(stage, source, folder, listening, journal)
        for tables, days in _passes(stage, source, request):
            pieces = call.run(tables, days, request)
            if pieces and not listening.is_there:
                for came in pieces:
                    call.read_pieces(came, left)
                call.run([came.table for came in pieces], days, request)
    silent = {table.address for table in request.tables} - call.answered
    if silent:
        raise LakeError(
            f"Nothing came of {', '.join(sorted(silent))}:", "report this with the log of the function."
        )
    if call.refused and not listening.is_there:
        raise _failed(call.refused)
    return {"database": request.database, "tables": call.told}


class _Call:
    """What came of the tables so far."""

    def __init__(
        self, stage: Stage, source: Source, folder: Path, listening: Listener, journal: Journal
    ) -> None:
        self._stage, self._source, self._folder = stage, source, folder
        self._listening, self._journal = listening, journal
        self.answered: set[str] = set()
        self.refused: list[Refused] = []
        self.told: dict[str, Any] = {}

    def run(self, tables: Sequence[SourceTable], days: Sequence[date], request: Request) -> list[InPieces]:
        """One pass; gives the tables whose pieces must be read first."""
        stage, sizes = self._stage, Sizes(rows=self._stage.runner.piece_rows, bytes=PIECE_BYTES)
        pieces = []
        for came in capture_tables(
            Lake(stage), self._source, tables, days, stage, self._folder, afresh=request.afresh, sizes=sizes
        ):
            self._listening.hear(came)
            self._note(came)
            if isinstance(came, InPieces):
                pieces.append(came)
        return pieces

    def read_pieces(self, came: InPieces, left: Callable[[], float]) -> None:
        """Read the pieces that are missing, one after the other.

        Raises:
            LakeError: when there is no time for all of them; those that were read stay.
        """
        longest = 0.0
        for at, number in enumerate(came.missing):
            if left() < max(LEAST_LEFT, 2 * longest):
                done = came.count - len(came.missing) + at
                raise LakeError(
                    f"{done} of {came.count} pieces of {came.table.address} are read, and there is no time for more in"
                    " this call:",
                    "call again with the same event, which goes on with the rest.",
                    passing=True,
                )
            began = time.monotonic()
            one = stage_piece(
                Lake(self._stage),
                self._source,
                came.table,
                came.plan,
                number,
                self._stage.clock,
                self._folder,
            )
            longest = max(longest, time.monotonic() - began)
            self._journal.info("piece", table=came.table.address, piece=number, of=came.count, rows=one.rows)

    def _note(self, came: Came) -> None:
        address = came.table.address
        self.answered.add(address)
        match came:
            case Captured():
                self.told[address] = {
                    "days": {str(filled.day): {"rows": filled.state.row_count, "added": dict(filled.added),
                                               "object": filled.url} for filled in came.filled},
                    "kept": [str(day) for day in came.kept],
                    "agrees": came.agrees and came.reconciled.agrees,
                }  # fmt: skip
                self._journal.info(
                    "captured", table=address, **self.told[address], seconds=round(came.seconds, 3)
                )
            case Refused():
                self.refused.append(came)
                self._journal.error(
                    "refused", table=address, error=type(came.trouble).__name__, trouble=str(came.trouble)
                )
            case InPieces():
                self._journal.info("in pieces", table=address, plan=came.plan, missing=len(came.missing))


def _passes(
    stage: Stage, source: Source, request: Request
) -> list[tuple[list[SourceTable], tuple[date, ...]]]:
    """Tables and days of each pass: what was asked for, or whatever a schedule has missed."""
    tables = list(request.tables)
    if request.scheduled_at is None:
        return [(tables, request.days)]
    last = request.scheduled_at.astimezone(ZoneInfo(stage.clock.time_zone)).date() - timedelta(days=1)
    lake = Lake(stage)
    todo = catch_up({table: lake.newest(table, source.connection) for table in tables}, last)
    if len(todo.days) == 1 or not todo.new:
        return [(tables, todo.days)]
    past = [table for table in tables if table not in todo.new]
    return [(list(todo.new), (last,)), (past, todo.days)]  # a table that begins has no past to be captured


def _failed(refused: Sequence[Refused]) -> LakeError:
    said = " | ".join(str(one.trouble) for one in refused)
    return LakeError(
        f"{len(refused)} tables were refused, and the others are committed: {said}",
        passing=all(one.trouble.passing for one in refused),
    )
