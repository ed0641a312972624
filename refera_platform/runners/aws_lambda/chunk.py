"""Chunk operation of the Lambda function: reads one chunk of a large table and stages it.

``ingest.snapshot.chunk_staging`` reads the rows; a later ``ingest`` call merges the staged chunks.
"""

from typing import Any

from refera_platform.duckdb_session.scratch import scratch_folder
from refera_platform.ingest.context import IngestContext
from refera_platform.ingest.snapshot.chunk_staging import stage_chunk
from refera_platform.lake.lake import Lake
from refera_platform.runners.aws_lambda.call import LambdaCall
from refera_platform.source.connection import open_source


def handle_chunk(call: LambdaCall) -> dict[str, Any]:
    """Read and stage one chunk; returns its number, its rows and its position.

    Raises:
        ReferaError: when the chunk cannot be read, or its plan is no longer current.
    """
    stage, request = call.stage, call.request
    (table,) = request.tables
    with scratch_folder(stage) as folder, open_source(stage, request.database, folder) as source:
        context = IngestContext(lake=Lake(stage), source=source, stage=stage, folder=folder)
        staged_chunk = stage_chunk(context, source.with_current_spelling(table), request.plan, request.chunk_number)
    call.logger.info(
        "piece",
        table=table.address,
        piece=staged_chunk.number,
        rows=staged_chunk.rows,
        seconds_left=round(call.seconds_left),
    )
    return {"piece": staged_chunk.number, "rows": staged_chunk.rows, "position": staged_chunk.position}
