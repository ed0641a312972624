"""Writer of a query-based table: compares what was read with the lake's state, and commits the changes as one day.

QueryPlan + SourceRead ──▶ write_read() ──▶ IngestedDay

Reads nothing from the source: ``query_based`` does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from refera_platform.duckdb_session.quoting import literal
from refera_platform.ingest.context import IngestContext
from refera_platform.ingest.result import IngestedDay
from refera_platform.ingest.stream.changes import add_counts
from refera_platform.lake.days import DayPlan
from refera_platform.lake.lake import RawObject, current_state, newest_state_until, run_sql, state_objects
from refera_platform.lake.object_state import RawState
from refera_platform.lake.writer import contract_rows
from refera_platform.source.collation import CollationFold, collation_fold, collations_by_column
from refera_platform.source.column_names import is_among
from refera_platform.source.connection import ServerIdentity
from refera_platform.source.mysql.snapshot import TableRead
from refera_platform.source.row_changes import ComparedColumns, ReadScope, row_changes_sql
from refera_platform.source.table import SourceTable, Strategy
from refera_platform.source.types import SourceColumn


@dataclass(frozen=True, kw_only=True)
class QueryPlan:
    """What a run will read and write of one table."""

    table: SourceTable
    days_in_lake: Mapping[date, RawObject]
    """Its days in the lake before the run, oldest first."""
    days: DayPlan
    identity: ServerIdentity
    """The server and the schema that answer now."""
    declared: tuple[SourceColumn, ...]
    """The copied columns as the source has them now."""
    columns: Mapping[str, str]
    """The type in which each column is written, wide enough for the rows of the lake."""
    schema_since: str
    """Since when the lake's rows have these columns; empty since the beginning."""
    is_resnapshot: bool

    @property
    def previous(self) -> RawState | None:
        """State of the newest observed day before the run."""
        return newest_state_until(self.days_in_lake, date.max)

    @property
    def existing(self) -> RawObject | None:
        """The object of the day to fill."""
        return self.days_in_lake.get(self.days.day_to_fill)

    @property
    def is_continued(self) -> bool:
        """Whether reading may go on where the last run ended: same columns, and no new snapshot."""
        previous = self.previous
        return previous is not None and not self.is_resnapshot and dict(previous.columns) == self.columns


@dataclass(frozen=True, kw_only=True)
class SourceRead:
    """Rows that one strategy took from the source."""

    pulled: TableRead
    scope: ReadScope
    position: str
    """How far the source was read: an instant, or the highest value of the cursor."""
    source_rows: int
    """Rows of the whole table, also when only a part was read."""


@dataclass(frozen=True, kw_only=True)
class AddedRows:
    """Rows that the run adds to its day."""

    relation: str
    op: str
    """SQL of the operation of a row."""
    counts: Mapping[str, int]
    """Count of the rows, by ``_op``."""
    has_earlier_rows: bool = True
    """Whether the lake had rows of the table before."""
    has_changes: bool = True
    """Whether what was read differs from the lake's state."""


def write_read(context: IngestContext, plan: QueryPlan, read: SourceRead) -> IngestedDay:
    """Commit the day if anything changed; the days that nobody saw before it are closed.

    Raises:
        LakeError: when the store refuses, or another run wrote the day meanwhile.
    """
    state = _new_state(plan, read)
    context.writer.write_unseen_days(plan.table, state, plan.days.unseen_days)
    added = _added_rows(context, plan, state, read)
    existing = plan.existing
    is_same = not added.has_changes and read.scope is not ReadScope.SNAPSHOT
    if existing and is_same and _has_schema(existing.state, state):
        return IngestedDay.of_object(existing)
    is_snapshot = plan.table.strategy is Strategy.SNAPSHOT
    is_extension = existing is not None and not is_snapshot
    is_whole = not added.has_earlier_rows or is_snapshot or read.scope is ReadScope.SNAPSHOT
    state = replace(
        state,
        is_whole=is_whole or bool(existing and is_extension and existing.state.is_whole),
        rows=add_counts(existing.state.rows if existing and is_extension else {}, added.counts),
        passes=existing.state.passes + 1 if existing else state.passes,
        start_position=existing.state.start_position if existing else state.start_position,
    )
    # the change time of a row is that of the read; the position of a cursor is no instant
    dated = replace(state, end_position=read.pulled.read_at.isoformat())
    stored = context.writer.write_day(
        plan.table,
        state,
        contract_rows(added.relation, dated, op=added.op),
        existing=existing.stored if existing else None,
        is_extension=is_extension,
    )
    return IngestedDay.of_object(RawObject(day=state.day, stored=stored, state=state), added.counts)


def _new_state(plan: QueryPlan, read: SourceRead) -> RawState:
    """The state of the day's object, without what depends on its rows."""
    previous, identity = plan.previous, plan.identity
    return RawState(
        database=plan.table.database,
        table=plan.table.name,
        day=plan.days.day_to_fill,
        strategy=plan.table.strategy.value,
        server=identity.server,
        schema=identity.schema,
        start_position=previous.end_position if previous else "",
        end_position=read.position,
        read_at=read.pulled.read_at.isoformat(),
        columns=plan.columns,
        quirks=read.pulled.quirks,
        collations=collations_by_column(plan.declared),
        schema_since=plan.schema_since,
        schema_version=(previous.schema_version + (dict(previous.columns) != plan.columns)) if previous else 1,
    )


def _added_rows(context: IngestContext, plan: QueryPlan, state: RawState, read: SourceRead) -> AddedRows:
    """The changes to the lake's state; every row for a first read, and for the strategy ``snapshot``."""
    table, pulled = plan.table, read.pulled
    every_row = AddedRows(relation=pulled.relation, op="'r'", counts={"r": pulled.rows} if pulled.rows else {})
    state_sql = current_state(table, context.copies.state_with_copies(plan.days_in_lake), state.columns)
    if state_sql is None:
        return replace(every_row, has_earlier_rows=False)
    columns = ComparedColumns(
        key=table.key,
        types=state.columns,
        state_columns=_columns_in_lake(plan.days_in_lake, state.columns),
        folds=_key_folds(table, state),
    )
    changes_sql = row_changes_sql(pulled.relation, state_sql, columns, read.scope)
    path = literal(str(context.folder / "changes.parquet"))
    run_sql(context.connection, f"copy ({changes_sql}) to {path} (format parquet, compression lz4)")
    changed = f"read_parquet({path})"
    counts = dict(run_sql(context.connection, f"select _op, count(*) from {changed} group by all").fetchall())
    if table.strategy is Strategy.SNAPSHOT:
        return replace(every_row, has_changes=bool(counts))
    return AddedRows(relation=changed, op="_op", counts=counts, has_changes=bool(counts))


def _has_schema(existing: RawState, state: RawState) -> bool:
    """Whether the day was read, with the columns and the collations of now."""
    return existing.is_observed and (existing.columns, existing.collations) == (state.columns, state.collations)


def _key_folds(table: SourceTable, state: RawState) -> dict[str, CollationFold]:
    """How the source's collations compare the texts of a key."""
    return {name: collation_fold(state.collations[name]) for name in table.key if name in state.collations}


def _columns_in_lake(days_in_lake: Mapping[date, RawObject], columns: Mapping[str, str]) -> list[str]:
    """Columns of the objects that make up the lake's state, as they are spelled now."""
    lake_columns = [name for item in state_objects(days_in_lake) for name in item.state.columns]
    return [name for name in columns if is_among(name, lake_columns)]
