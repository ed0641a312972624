"""Planner of the ingest runs of one Lambda call: the requested days, or all days that a schedule has missed.

newest state of each table + instant of the schedule ──▶ plan_missing_days() ──▶ ingest runs, oldest day first

Tables of the change stream get one ingest run for each day, so that a call that runs out of time has committed whole
days. Tables of the other strategies read only present rows, and get all their days in one run. Reads no object and no
row: ``ingest`` calls it and executes the plan.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from refera_platform.lake.days import NO_FIRST_DAYS, plan_catch_up
from refera_platform.lake.object_state import RawState
from refera_platform.runners.aws_lambda.event import LambdaRequest
from refera_platform.source.table import SourceTable, Strategy


@dataclass(frozen=True, kw_only=True)
class PlannedIngest:
    """One planned ingest run over the source."""

    tables: tuple[SourceTable, ...]
    days: tuple[date, ...]
    """Oldest first."""
    resnapshot_tables: frozenset[str] = frozenset()
    """Names of tables that get a new snapshot."""


@dataclass(frozen=True, kw_only=True)
class IngestPlan:
    """The ingest runs of one call."""

    runs: tuple[PlannedIngest, ...]
    """In order of execution."""
    up_to_date: tuple[SourceTable, ...] = ()
    """Tables that read only present rows and were ingested after the last day, or that begin after it."""


def plan_requested_days(request: LambdaRequest) -> IngestPlan:
    """One ingest run for the days that the event names."""
    return IngestPlan(
        runs=(PlannedIngest(tables=request.tables, days=request.days, resnapshot_tables=request.resnapshot_tables),)
    )


def plan_missing_days(
    newest: Mapping[SourceTable, RawState | None],
    scheduled_at: date,
    resnapshot_tables: frozenset[str],
    first_days: Mapping[SourceTable, date | None] = NO_FIRST_DAYS,
) -> IngestPlan:
    """Ingest runs for all missing days up to the day before a schedule.

    Args:
        newest: State of the newest object of each table; ``None`` for a table that was never ingested.
        scheduled_at: Day of the schedule in the stage's time zone; the day before it is the last to ingest.
        resnapshot_tables: Names of tables that get a new snapshot.
        first_days: The oldest ingested day of each table.
    """
    last = scheduled_at - timedelta(days=1)
    pending = plan_catch_up(newest, last, first_days)
    tables = [table for table in newest if table not in pending.done_tables]
    if len(pending.days) == 1:
        runs = [PlannedIngest(tables=tuple(tables), days=pending.days, resnapshot_tables=resnapshot_tables)]
    else:
        stream_states = {
            table: state
            for table, state in newest.items()
            if state
            and table not in pending.done_tables
            and state.strategy == table.strategy.value == Strategy.LOG.value
            and table.name not in resnapshot_tables
        }
        runs = [
            PlannedIngest(
                tables=tuple(table for table, state in stream_states.items() if _lacks_day(state, day)), days=(day,)
            )
            for day in pending.days[:-1]
        ]
        runs.append(PlannedIngest(tables=tuple(stream_states), days=(last,)))
        other_tables = tuple(table for table in tables if newest[table] and table not in stream_states)
        runs.append(PlannedIngest(tables=other_tables, days=pending.days, resnapshot_tables=resnapshot_tables))
        # a new table has no earlier days to ingest
        runs.append(PlannedIngest(tables=pending.new_tables, days=(last,), resnapshot_tables=resnapshot_tables))
    return IngestPlan(runs=tuple(each for each in runs if each.tables), up_to_date=pending.done_tables)


def scheduled_day(request: LambdaRequest, time_zone: str) -> date | None:
    """Day of the schedule that made the call, in the stage's time zone; ``None`` for an event that names days."""
    return request.scheduled_at.astimezone(ZoneInfo(time_zone)).date() if request.scheduled_at else None


def _lacks_day(state: RawState, day: date) -> bool:
    return state.day < day or (state.day == day and not state.is_closed)
