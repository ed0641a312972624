"""The passes of one call: what was asked for, or whatever a schedule has missed.

newest state of each table + the instant of the schedule ──▶ missed() ──▶ passes, oldest day first

A table that is read from the log gets one pass for each day, so that what a call commits before its time is over need
not be read again, however long nobody called. The others see only the present, and get all their days in one pass.
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
    """One pass over the source."""

    tables: tuple[SourceTable, ...]
    days: tuple[date, ...]
    """Oldest first."""
    resnapshot_tables: frozenset[str] = frozenset()
    """Names of tables that get a new baseline."""


@dataclass(frozen=True, kw_only=True)
class IngestPlan:
    """What a call has to do."""

    runs: tuple[PlannedIngest, ...]
    """In the order in which they are made."""
    up_to_date: tuple[SourceTable, ...] = ()
    """Tables that see only the present and were captured after the day that is asked for, or that begin after it."""


def plan_requested_days(request: LambdaRequest) -> IngestPlan:
    """What an event with days asks for: one pass."""
    return IngestPlan(
        runs=(PlannedIngest(tables=request.tables, days=request.days, resnapshot_tables=request.resnapshot_tables),)
    )


def plan_missed_days(
    newest: Mapping[SourceTable, RawState | None],
    scheduled_at: date,
    resnapshot_tables: frozenset[str],
    first_days: Mapping[SourceTable, date | None] = NO_FIRST_DAYS,
) -> IngestPlan:
    """What was missed up to the day before a schedule.

    Args:
        newest: What the newest object of each table says of itself; ``None`` of one that was never captured.
        scheduled_at: The day of the schedule in the stage's time zone: the one before it is the last.
        resnapshot_tables: Names of tables that get a new baseline.
        first_days: The oldest captured day of each table.
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
        # a table that begins has no past to be captured
        runs.append(PlannedIngest(tables=pending.new_tables, days=(last,), resnapshot_tables=resnapshot_tables))
    return IngestPlan(runs=tuple(each for each in runs if each.tables), up_to_date=pending.done_tables)


def scheduled_day(request: LambdaRequest, time_zone: str) -> date | None:
    """The day of the schedule that made the call, in the stage's time zone; ``None`` for an event that names days."""
    return request.scheduled_at.astimezone(ZoneInfo(time_zone)).date() if request.scheduled_at else None


def _lacks_day(state: RawState, day: date) -> bool:
    return state.day < day or (state.day == day and not state.is_closed)
