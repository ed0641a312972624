"""``refera resnapshot``: a new baseline of some tables, after a purged log, a replaced server or doubt."""

from collections.abc import Sequence
from datetime import date

from refera_platform.lake.days import ONE, days_between
from refera_platform.lake.lake import Lake
from refera_platform.source.table import SourceTable
from refera_platform.stage import Stage
from refera_platform.terminal.daily import run_days


def resnapshot(stage: Stage, tables: Sequence[SourceTable]) -> None:
    """Read the tables whole, through Dagster, into the newest day that each one can have.

    Raises:
        ReferaError: when any of it failed, with every reason.
    """
    lake = Lake(stage)
    groups: dict[tuple[date, ...], list[SourceTable]] = {}
    for table in tables:
        groups.setdefault(days_to_fill(stage, lake, table), []).append(table)
    for days, chosen in groups.items():
        run_days(stage, days, ",".join(table.address for table in chosen), afresh=True)


def days_to_fill(stage: Stage, lake: Lake, table: SourceTable) -> tuple[date, ...]:
    """The newest full day, or a later one that was captured already, and the days since the last capture."""
    newest = max(lake.stored_days(table), default=None)
    full = stage.clock.newest_full_day()
    if newest is None or newest >= full:
        return (max(newest or full, full),)
    return days_between(newest + ONE, full)
