"""Result of one log table of an ingest run: what was written, what the lake counts, and whether both sides agree.

Job + Filled days ──▶ LogResults.of() ──▶ Captured (the caller adds how long it took)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

from refera_platform.ingest.integrity import counted
from refera_platform.ingest.result import Captured, Filled
from refera_platform.ingest.stream.table_task import Job
from refera_platform.lake.schema_drift import altered
from refera_platform.lake.volume import changes_by_day
from refera_platform.reconcile.result import INEXACT, OVER, UNSETTLED, Reconciled
from refera_platform.reconcile.values import Present, reconciled
from refera_platform.source.cascades import Cascades
from refera_platform.source.connection import Source


@dataclass(frozen=True, kw_only=True)
class LogResults:
    """Makes the results of one run."""

    source: Source
    folder: Path
    is_exact: bool
    """Whether what is read in the snapshot has nothing that the log tells again."""
    cascades: Cascades
    """How rows of the tables go with others."""

    def of(
        self,
        job: Job,
        written: Sequence[Filled],
        source_rows: int | None,
        *,
        unseen: tuple[date, ...] = (),
        is_anew: bool = False,
    ) -> Callable[..., Captured]:
        """What came of a table.

        Args:
            job: The table.
            written: The days that were written, or found as they should be.
            source_rows: Rows of the source at the moment that the lake shows; ``None`` when that moment is over.
            unseen: Days that were closed as never looked at.
            is_anew: Whether the table begins anew.
        """
        last, was = written[-1], job.was
        kept = job.plan.baseline.kept if job.plan.baseline else job.plan.kept
        days = [filled.day for filled in written]
        newest = job.before(date.max)
        lake_rows, rows_twice = counted(self.source.connection, job.table, job.known, days, source_rows)
        return partial(
            Captured,
            table=job.table,
            filled=tuple(written),
            unseen=unseen,
            kept=kept,
            source_rows=source_rows,
            altered=altered(was.columns if was else None, last.state.columns),
            volumes=changes_by_day(item.state for item in job.known.values()),
            lake_rows=lake_rows,
            rows_twice=rows_twice,
            is_settled=newest is None or newest.is_settled,
            reconciled=self._reconciled(job, days, source_rows, is_anew=is_anew),
            known=job.known,
            unwatched=self.cascades.unwatched(job.table.name),
        )

    def _reconciled(self, job: Job, days: Sequence[date], source_rows: int | None, *, is_anew: bool) -> Reconciled:
        newest = job.before(date.max)
        if newest is not None and not newest.is_settled:
            return UNSETTLED
        if not self.is_exact and not is_anew:
            return INEXACT
        if source_rows is None:
            return OVER
        behind = [] if is_anew else job.logs[-1].behind.files
        present = Present(days=job.known, written=days, source_rows=source_rows, behind=behind, is_anew=is_anew)
        return reconciled(self.source, job.table, present, self.folder)
