"""``refera resnapshot``: takes a new snapshot of tables, after a purged binlog, a replaced server or in doubt."""

from collections.abc import Sequence
from datetime import date

from refera_platform.cli.run import run_days
from refera_platform.lake.days import days_after
from refera_platform.lake.lake import Lake
from refera_platform.settings.stage import Stage
from refera_platform.source.table import SourceTable


def resnapshot_tables(stage: Stage, tables: Sequence[SourceTable]) -> None:
    """Read whole tables, through Dagster, into today's partition; ended days are not rewritten.

    Raises:
        ReferaError: when any table failed, with every cause.
    """
    lake = Lake(stage)
    groups: dict[tuple[date, ...], list[SourceTable]] = {}
    for table in tables:
        groups.setdefault(days_to_fill(stage, lake, table), []).append(table)
    for days, same_days_tables in groups.items():
        run_days(stage, days, ",".join(table.address for table in same_days_tables), is_resnapshot=True)


def days_to_fill(stage: Stage, lake: Lake, table: SourceTable) -> tuple[date, ...]:
    """The days after the last ingested one, up to today; the newest full day for a table that was never ingested."""
    stored_days = lake.stored_days(table)
    return days_after(stored_days, stage.clock) if stored_days else (stage.clock.newest_full_day(),)
