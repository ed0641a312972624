"""A process that captures tables of a test's lake again and again, until it is killed.

python -m refera_platform_tests.ingest.extractor HOME LAKE INSTANT NAME:KEY,KEY[:STRATEGY] …
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from refera_platform.duckdb_session.scratch import scratch_folder
from refera_platform.ingest.result import IngestFailure
from refera_platform.ingest.run import ingest_tables
from refera_platform.settings.stage import Stage, load_stage
from refera_platform.source.connection import open_source
from refera_platform.source.table import SourceTable, Strategy
from refera_platform_tests.local_stack import context_of


def table_of(written: str) -> SourceTable:
    """The declaration that an argument describes."""
    name, key, *strategy = written.split(":")
    return SourceTable(
        database="classicmodels",
        name=name,
        key=tuple(key.split(",")),
        strategy=Strategy(strategy[0] if strategy else "log"),
        about="A table of a test.",
    )


def extract(stage: Stage, tables: Sequence[SourceTable]) -> None:
    """Capture the stage's today once; a refusal is raised."""
    with scratch_folder(stage) as folder, open_source(stage, "classicmodels", folder) as source:
        for came in ingest_tables(context_of(stage, source, folder), tables, [stage.clock.today()]):
            if isinstance(came, IngestFailure):
                raise came.error


def main(home: str, lake: str, instant: str, *written: str) -> None:
    """Capture until killed; one line for each pass."""
    here = load_stage({"REFERA_STAGE": "test", "REFERA_HOME": str(Path(home))}).at_instant(
        datetime.fromisoformat(instant)
    )
    stage, tables = replace(here, lake=lake), [table_of(each) for each in written]
    while True:
        extract(stage, tables)
        print("captured", flush=True)  # noqa: T201 - the test waits for it


if __name__ == "__main__":
    main(*sys.argv[1:])
