"""One pass over a database: each table by its own strategy, all of them at one moment.

tables ──▶ log ──▶ LogCapture (one reading of the log)
      └──▶ others ──▶ capture() each, inside one snapshot
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import date
from pathlib import Path

from refera_platform.errors import ReferaError
from refera_platform.ingest.query_based import capture
from refera_platform.ingest.result import Captured, Refused
from refera_platform.ingest.snapshot.chunks import InPieces, Sizes
from refera_platform.ingest.stream.run import LogCapture
from refera_platform.lake.isolation import isolated
from refera_platform.lake.lake import Lake
from refera_platform.settings.stage import Stage
from refera_platform.source.connection import Source
from refera_platform.source.hashing import require_hash_key
from refera_platform.source.table import SourceTable, Strategy


def capture_tables(
    lake: Lake,
    source: Source,
    tables: Sequence[SourceTable],
    requested: Sequence[date],
    stage: Stage,
    folder: Path,
    *,
    afresh: Collection[str] = (),
    sizes: Sizes | None = None,
) -> Iterator[Captured | Refused | InPieces]:
    """Bring days of tables of one database into the lake; a table that cannot go on is refused by itself.

    Args:
        lake: Where to.
        source: An open session of the database, which can also read the lake.
        tables: What.
        requested: Days, in any order.
        stage: What time it is, and the key of hashes.
        folder: Local folder for files of this call alone.
        afresh: Names of tables that get a new baseline whatever the lake holds.
        sizes: What one call may read at most of a log table's baseline; of a larger one nothing is read, and its pieces
            are named. Without it every table is read whole.

    Raises:
        ReferaError: when no table can be captured at all.
    """
    logged = [table for table in tables if table.strategy is Strategy.LOG]
    if logged:
        yield from LogCapture(lake, source, stage.clock, folder, stage.hash_key, sizes).run(
            logged, requested, afresh=afresh
        )
    others = [table for table in tables if table.strategy is not Strategy.LOG]
    if not others:
        return
    with source.snapshot():
        for table in others:
            try:
                with isolated(table):
                    require_hash_key(table, stage.hash_key)
                    came = capture(
                        lake,
                        source,
                        table,
                        requested,
                        stage.clock,
                        folder,
                        force_baseline=table.name in afresh,
                    )
            except ReferaError as trouble:
                yield Refused(table=table, trouble=trouble)
            else:
                yield came
