"""The local stack as tests use it: stages of their own, ingest runs of the small business, connections of its owner."""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pymysql

from refera_platform.duckdb_session.scratch import scratch_folder
from refera_platform.ingest.context import IngestContext
from refera_platform.ingest.result import IngestFailure, IngestResult
from refera_platform.ingest.run import ingest_tables
from refera_platform.ingest.snapshot.chunks import ChunkLimits
from refera_platform.lake.lake import Lake
from refera_platform.lake.objects import ObjectRoot
from refera_platform.sandbox import stack
from refera_platform.settings.stage import Stage, load_stage
from refera_platform.source.connection import Source, open_source
from refera_platform.source.table import SourceTable
from refera_platform_tests.business import TODAY
from refera_platform_tests.checkout import declared_tables, find_table

REAL_DUMP = Path(__file__).parents[2] / "shared/data/classicmodels/mysqlsampledatabase.sql"


def own_stage(home: Path) -> Stage:
    """The stack as a stage whose lake and warehouse are empty, and nobody else's."""
    here = load_stage({"REFERA_STAGE": "test", "REFERA_HOME": str(home)}).at_instant(evening(TODAY))
    own = uuid.uuid4().hex[:8]
    bucket = here.lake.removesuffix("/raw")
    return replace(here, lake=f"{bucket}/{own}/raw", warehouse=f"{bucket}/{own}/warehouse")


def copy_into(stage: Stage, template: Stage) -> Stage:
    """Give an empty stage every object of another one."""
    for origin, target in ((template.lake, stage.lake), (template.warehouse, stage.warehouse)):
        root = ObjectRoot(origin.rpartition("/")[0].rpartition("/")[0], stage.store)
        old, new = (f"{'/'.join(place.rsplit('/', 2)[1:])}/" for place in (origin, target))
        for item in root.list(old):
            root.copy(item.key, new + item.key.removeprefix(old), replaces=None)
    return stage


def evening(day: date) -> datetime:
    """The last second of a day: the running day is the one a daily run closes."""
    return datetime(day.year, day.month, day.day, 23, 59, 59, tzinfo=UTC)


@contextmanager
def source_of(stage: Stage) -> Iterator[Source]:
    """An open session of the source, which can read the lake as well."""
    with scratch_folder(stage) as folder, open_source(stage, "classicmodels", folder) as source:
        yield source


def captured(stage: Stage, name: str, *days: date, afresh: bool = False) -> IngestResult:
    """Capture days of one table, at the evening of the last of them."""
    (came,) = captures(stage, [find_table(name)], *days, afresh=afresh)
    return came


def capture_all(stage: Stage, *days: date) -> list[IngestResult]:
    """Capture days of every table in one pass."""
    return captures(stage, declared_tables(), *days)


def captures(stage: Stage, tables: Sequence[SourceTable], *days: date, afresh: bool = False) -> list[IngestResult]:
    """Capture days of some tables in one pass, at the evening of the last day; a refusal is raised."""
    at = stage.at_instant(evening(days[-1]))
    done = []
    names = {table.name for table in tables} if afresh else ()
    with scratch_folder(at) as folder, open_source(at, "classicmodels", folder) as source:
        for came in ingest_tables(context_of(at, source, folder), tables, days, resnapshot_names=names):
            if isinstance(came, IngestFailure):
                raise came.error
            done.append(came)
    return done


def context_of(stage: Stage, source: Source, folder: Path, chunk_limits: ChunkLimits | None = None) -> IngestContext:
    """The context of one ingest run of a stage."""
    return IngestContext(lake=Lake(stage), source=source, stage=stage, folder=folder, chunk_limits=chunk_limits)


def owner(home: Path) -> "pymysql.connections.Connection[pymysql.cursors.Cursor]":
    """A connection of the source's owner, committing each statement."""
    address = stack.stack_status(home).address
    assert address is not None
    server = address.mariadb
    return pymysql.connect(
        host=server.host,
        port=server.port,
        user=server.admin.user,
        password=server.admin.password,
        database=server.database,
        charset="utf8mb4",
        autocommit=True,
        ssl_disabled=True,
    )


def root(home: Path) -> "pymysql.connections.Connection[pymysql.cursors.Cursor]":
    """A connection that may do everything to the server, committing each statement."""
    address = stack.stack_status(home).address
    assert address is not None
    server = address.mariadb
    return pymysql.connect(
        unix_socket=server.socket,
        user=server.root.user,
        password=server.root.password,
        database=server.database,
        charset="utf8mb4",
        autocommit=True,
        ssl_disabled=True,
    )
