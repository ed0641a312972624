"""The passes of one call: what was asked for, or whatever a schedule has missed.

newest state of each table + the instant of the schedule ──▶ missed() ──▶ passes, oldest day first

A table that is read from the log gets one pass for each day, so that what a call commits before its time is over need
not be read again, however long nobody called. The others see only the present, and get all their days in one pass.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from refera_platform.lake.days import NOTHING_CAPTURED, catch_up
from refera_platform.lake.object_state import RawState
from refera_platform.runners.aws_lambda.event import Request
from refera_platform.source.table import SourceTable, Strategy


@dataclass(frozen=True, kw_only=True)
class Pass:
    """One pass over the source."""

    tables: tuple[SourceTable, ...]
    days: tuple[date, ...]
    """Oldest first."""
    afresh: frozenset[str] = frozenset()
    """Names of tables that get a new baseline."""


@dataclass(frozen=True, kw_only=True)
class Missed:
    """What a call has to do."""

    passes: tuple[Pass, ...]
    """In the order in which they are made."""
    done: tuple[SourceTable, ...] = ()
    """Tables that see only the present and were captured after the day that is asked for, or that begin after it."""


def asked_for(request: Request) -> Missed:
    """What an event with days asks for: one pass."""
    return Missed(passes=(Pass(tables=request.tables, days=request.days, afresh=request.afresh),))


def missed(
    newest: Mapping[SourceTable, RawState | None],
    scheduled_at: date,
    afresh: frozenset[str],
    begins: Mapping[SourceTable, date | None] = NOTHING_CAPTURED,
) -> Missed:
    """What was missed up to the day before a schedule.

    Args:
        newest: What the newest object of each table says of itself; ``None`` of one that was never captured.
        scheduled_at: The day of the schedule in the stage's time zone: the one before it is the last.
        afresh: Names of tables that get a new baseline.
        begins: The oldest captured day of each table.
    """
    last = scheduled_at - timedelta(days=1)
    todo = catch_up(newest, last, begins)
    tables = [table for table in newest if table not in todo.done]
    if len(todo.days) == 1:
        passes = [Pass(tables=tuple(tables), days=todo.days, afresh=afresh)]
    else:
        daily = {
            table: state
            for table, state in newest.items()
            if state
            and table not in todo.done
            and state.strategy == table.strategy.value == Strategy.LOG.value
            and table.name not in afresh
        }
        passes = [
            Pass(tables=tuple(table for table, state in daily.items() if _lacks(state, day)), days=(day,))
            for day in todo.days[:-1]
        ]
        passes.append(Pass(tables=tuple(daily), days=(last,)))
        rest = tuple(table for table in tables if newest[table] and table not in daily)
        passes.append(Pass(tables=rest, days=todo.days, afresh=afresh))
        # a table that begins has no past to be captured
        passes.append(Pass(tables=todo.new, days=(last,), afresh=afresh))
    return Missed(passes=tuple(each for each in passes if each.tables), done=todo.done)


def scheduled_day(request: Request, time_zone: str) -> date | None:
    """The day of the schedule that made the call, in the stage's time zone; ``None`` for an event that names days."""
    return request.scheduled_at.astimezone(ZoneInfo(time_zone)).date() if request.scheduled_at else None


def _lacks(state: RawState, day: date) -> bool:
    return state.day < day or (state.day == day and not state.is_closed)
