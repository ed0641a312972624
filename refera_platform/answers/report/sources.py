"""Source status on the page: freshness of each source table, and whether the row counts of lake and warehouse agree."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb

from refera_platform.answers.session import QuerySession
from refera_platform.duckdb_session.quoting import quoted
from refera_platform.duckdb_session.scratch import scratch_folder
from refera_platform.duckdb_session.session import open_duckdb_session
from refera_platform.lake.days import due_day
from refera_platform.lake.lake import Lake, RawObject, current_state, run_sql
from refera_platform.project.model import Mirror, Project
from refera_platform.settings.stage import Stage
from refera_platform.source.table import SourceTable


@dataclass(frozen=True, kw_only=True)
class MirrorCount:
    """Row count of a published table that mirrors a source table."""

    model: str
    rows: int | None
    """``None`` when it is not published yet."""


@dataclass(frozen=True, kw_only=True)
class SourceStatus:
    """Status of one source table in lake and warehouse."""

    table: str
    about: str
    strategy: str
    due: date
    """The newest day that should be ingested by now."""
    day: date | None
    """The newest ingested day; ``None`` before the first."""
    captured_at: str = ""
    position: str = ""
    """Position up to which the source was read."""
    server: str = ""
    lake_rows: int | None = None
    is_settled: bool = True
    quirks: int = 0
    """Values of the newest day that no Parquet type can hold and that were stored as NULL."""
    mirrors: tuple[MirrorCount, ...] = ()

    @property
    def is_fresh(self) -> bool:
        """Whether the due day was ingested."""
        return self.day is not None and self.day >= self.due

    @property
    def differences(self) -> dict[str, int]:
        """Rows that a published table has more (or, negative, fewer) than the lake, by table."""
        return {
            mirror.model: mirror.rows - self.lake_rows
            for mirror in self.mirrors
            if mirror.rows is not None and self.lake_rows is not None and mirror.rows != self.lake_rows
        }


def read_source_statuses(stage: Stage, project: Project, warehouse: QuerySession) -> list[SourceStatus]:
    """The status of every declared table, in the order of the declaration."""
    lake = Lake(stage)
    mirrors = {
        table.address: _count_mirrors(
            [mirror for mirror in project.mirrors if mirror.table == table.address], warehouse
        )
        for table in project.tables
    }
    with scratch_folder(stage) as folder, open_duckdb_session(stage, folder) as connection:
        return [
            _status(
                table, lake.days(table, connection), due_day(table, stage.clock), connection, mirrors[table.address]
            )
            for table in project.tables
        ]


def _status(
    table: SourceTable,
    days: Mapping[date, RawObject],
    due: date,
    connection: duckdb.DuckDBPyConnection,
    mirrors: tuple[MirrorCount, ...],
) -> SourceStatus:
    common: dict[str, Any] = {"table": table.address, "about": table.about, "strategy": table.strategy.value}
    observed = [day for day, item in days.items() if item.state.is_observed]
    if not observed:
        return SourceStatus(**common, due=due, day=None)
    state = days[max(observed)].state
    return SourceStatus(
        **common,
        due=due,
        day=state.day,
        captured_at=state.source_read_at,
        position=state.end_position,
        server=state.server,
        lake_rows=_count_lake_rows(table, days, connection),
        is_settled=state.is_settled,
        quirks=sum(state.quirks.values()),
        mirrors=mirrors,
    )


def _count_lake_rows(
    table: SourceTable, days: Mapping[date, RawObject], connection: duckdb.DuckDBPyConnection
) -> int | None:
    recorded_count = days[max(days)].state.table_rows
    lake_relation = current_state(table, days)
    if recorded_count is not None or lake_relation is None:
        return recorded_count
    count_row = run_sql(connection, f"select count(*) from {lake_relation}").fetchone()
    return count_row[0] if count_row else None


def _count_mirrors(mirrors: Sequence[Mirror], warehouse: QuerySession) -> tuple[MirrorCount, ...]:
    counts = []
    for mirror in mirrors:
        rows = None
        if mirror.model in warehouse.published.models:
            sql = f"select count(*) from {quoted(mirror.model)} where {mirror.where}"
            rows = (warehouse.query(sql).fetchone() or (None,))[0]
        counts.append(MirrorCount(model=mirror.model, rows=rows))
    return tuple(counts)
