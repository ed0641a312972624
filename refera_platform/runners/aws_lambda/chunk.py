"""One piece of a large table, as one call of a function."""

from collections.abc import Callable
from typing import Any

from refera_platform.duckdb_session.scratch import scratch
from refera_platform.ingest.snapshot.chunks import stage_piece
from refera_platform.lake.lake import Lake
from refera_platform.runners.aws_lambda.event import Request
from refera_platform.runners.aws_lambda.journal import Journal
from refera_platform.runners.aws_lambda.listener import Listener
from refera_platform.settings.stage import Stage
from refera_platform.source.connection import connect


def piece(
    stage: Stage, request: Request, listening: Listener, journal: Journal, left: Callable[[], float]
) -> dict[str, Any]:
    """Read the piece and keep it; says how many rows it has.

    Raises:
        ReferaError: when it cannot be read, or is not wanted any more.
    """
    (table,) = request.tables
    with scratch(stage) as folder, connect(stage, request.database, folder) as source:
        done = stage_piece(Lake(stage), source, source.spelled(table), request.plan, request.piece, stage.clock, folder)
    journal.info("piece", table=table.address, piece=done.number, rows=done.rows, seconds_left=round(left()))
    return {"piece": done.number, "rows": done.rows, "position": done.position}
