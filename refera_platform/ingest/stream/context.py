"""Context of one change-stream run: the ingest context, what is known before the snapshot, and the snapshot itself.

Holds nothing that a step found: steps return values.
"""

from dataclasses import dataclass
from datetime import datetime

from refera_platform.ingest.context import IngestContext
from refera_platform.lake.object_state import RawState
from refera_platform.source.cascades import Cascades
from refera_platform.source.connection import ServerIdentity
from refera_platform.source.mysql.column_resolver import ColumnResolver
from refera_platform.source.position import Position
from refera_platform.source.table import SourceTable


@dataclass(frozen=True, kw_only=True)
class StreamContext(IngestContext):
    """What the steps of one change-stream run share."""

    column_resolver: ColumnResolver
    """Finds the columns of table maps."""
    identity: ServerIdentity
    """The server and the schema that answer now."""
    now: datetime
    """Instant of the run."""
    started: float
    """Start of the run, by ``time.monotonic``."""

    def new_state(self, table: SourceTable, previous: RawState | None, end_position: str = "") -> RawState:
        """The state of a new object of a table, before its day is known."""
        return RawState(
            database=table.database,
            table=table.name,
            day=self.clock.today(),
            strategy=table.strategy.value,
            server=self.identity.server,
            schema=self.identity.schema,
            start_position="",
            end_position=end_position,
            read_at=self.now.isoformat(),
            schema_since=previous.schema_since if previous else "",
            columns=previous.columns if previous else {},
            schema_version=previous.schema_version if previous else 1,
            source_types=self.column_resolver.source_types(table),
            collations=self.column_resolver.collations(table),
        )


@dataclass(frozen=True, kw_only=True)
class StreamSnapshot:
    """The consistent snapshot that a run holds open: every table of the source as of one position."""

    position: Position
    """Verified position of the change stream at which the snapshot was taken."""
    is_exact: bool
    """Whether it holds no change that the change stream also holds after ``position``."""
    cascades: Cascades
    """Foreign keys by which rows of the tables change with others."""
