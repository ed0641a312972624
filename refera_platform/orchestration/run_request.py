"""Request of a run of the daily job: its days, its assets and how they are made. Imports no Dagster.

``cli.run`` makes it; ``headless`` executes it. A run of the UI carries the same tags.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from refera_platform.source.table import SourceTable

RESNAPSHOT_TAG = "refera/resnapshot"
"""Tag of a run that takes a new snapshot of its tables: all present rows, and the deletes that follow from them."""
FULL_REFRESH_TAG = "refera/full-refresh"
"""Tag of a run that builds the warehouse from all raw objects, and not from the changes alone."""


@dataclass(frozen=True, kw_only=True)
class DailyRunRequest:
    """What a run of the daily job has to make."""

    days: tuple[date, ...]
    """Consecutive days, oldest first; several days are one ingest run."""
    select: str = ""
    """Comma-separated names of tables, models and groups, or Dagster's selection syntax; empty for all assets."""
    excluded: tuple[SourceTable, ...] = ()
    """Raw tables to leave out, even when ``select`` names them."""
    is_resnapshot: bool = False
    """Whether to take a new snapshot of the tables."""
    full_refresh: bool = False
    """Whether to build the warehouse from all days, and not from the changes alone."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Further tags of the run."""

    @property
    def span(self) -> str:
        """The days for people: one day, or the first and the last one."""
        return str(self.days[0]) if len(self.days) == 1 else f"{self.days[0]} to {self.days[-1]}"

    @property
    def run_tags(self) -> dict[str, str]:
        """All tags of the run, apart from those of its days."""
        return {
            **({RESNAPSHOT_TAG: "yes"} if self.is_resnapshot else {}),
            **({FULL_REFRESH_TAG: "yes"} if self.full_refresh else {}),
            **self.tags,
        }
