"""How long the server's log still has the place where each table goes on: what is purged before it was read is lost."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from refera_platform.doctor.preflight import places_needed
from refera_platform.duckdb_session.scratch import scratch
from refera_platform.errors import ReferaError
from refera_platform.settings.stage import Stage
from refera_platform.source.connection import connect
from refera_platform.source.doctor.binlog import time_left
from refera_platform.source.table import SourceTable


@dataclass(frozen=True, kw_only=True)
class Runway:
    """Of one table."""

    was_read: bool
    """Whether anything of it was read from the log so far."""
    left: timedelta | None = None
    """How long its place is kept at least; ``None`` when nobody purges it, or nothing was read."""
    trouble: ReferaError | None = None
    """Why the place is gone."""


def runways(stage: Stage, database: str, tables: Sequence[SourceTable]) -> dict[str, Runway]:
    """Of each table, by its address.

    Raises:
        ReferaError: when the source or the lake cannot be read.
    """
    found = {}
    with scratch(stage) as folder, connect(stage, database, folder) as source:
        settings, places = source.server.log_settings(), places_needed(stage, source, tables)
        for table in tables:
            place = places.get(table.address)
            try:
                left = time_left(source, settings, *place) if place else None
            except ReferaError as trouble:
                found[table.address] = Runway(was_read=True, trouble=trouble)
            else:
                found[table.address] = Runway(was_read=place is not None, left=left)
    return found
