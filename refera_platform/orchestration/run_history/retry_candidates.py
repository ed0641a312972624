"""What failed runs left undone: a retry that ends in silence hides nothing.

failed runs, less what later runs made ──▶ unfinished() ──▶ the recovery sensor, the check ``no_day_has_failed``
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import dagster as dg
from dagster import RunsFilter

from refera_platform.orchestration.partitions import days_of
from refera_platform.orchestration.run_history.failed_steps import FailedRun, Owed
from refera_platform.orchestration.run_history.run_process import PROCESS

ROOT, TRY = "refera/retry-of", "refera/try"
"""Tags of a run that tries again: the run that failed first, and how many times it was tried again."""
OWN = frozenset({ROOT, TRY, PROCESS})
"""Tags that are of one run alone."""
DAILY = "daily"
MAKERS = frozenset({DAILY, "__ASSET_JOB"})
"""The jobs that make assets: ours, and Dagster's own of the Materialize button and of backfills."""
REMEMBERED = timedelta(days=14)
"""How long a failed run is looked at."""
MOST = 200
"""Failed runs that are looked at."""


@dataclass(frozen=True, kw_only=True)
class Unfinished:
    """A failed run, and what nobody made since."""

    run_id: str
    root: str
    """The run that failed first."""
    tries: int
    """How many times it was tried again already."""
    days: tuple[date, ...]
    """Its days, oldest first; none when it knew no days."""
    assets: frozenset[dg.AssetKey]
    """What is still to be made."""
    cause: str
    """Its failures, one sentence each."""
    may_succeed: bool
    """Whether another try of the same could end otherwise."""
    is_lost: bool
    """Whether its process ended without a word."""
    ended: datetime
    tags: dict[str, str]
    """The tags of ours that say how it was to be run."""


def unfinished(instance: dg.DagsterInstance, known: Collection[dg.AssetKey]) -> Iterator[Unfinished]:
    """Failed runs whose work is still missing, the newest first.

    Args:
        instance: Whose history.
        known: The assets that exist; those of a removed table are owed by nobody.
    """
    since, taken_over = datetime.now(UTC) - REMEMBERED, set[tuple[Owed, tuple[date, ...]]]()
    wanted = RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], created_after=since)
    for record in instance.get_run_records(wanted, limit=MOST):
        run = record.dagster_run
        if run.job_name not in MAKERS:
            continue
        failed, days = FailedRun.read(instance, record), days_of(run.tags)
        # what a newer run failed on for the same days is that run's: twelve tries are not looked at twelve times
        owed = {(each, days) for each in failed.owed if each.asset in known} - taken_over
        taken_over |= owed
        left = frozenset(
            each.asset
            for each, _ in owed
            if each.asset and each not in failed.unavailable and not each.was_made_since(instance, record)
        )
        if left:
            yield Unfinished(
                run_id=run.run_id,
                root=run.tags.get(ROOT, run.run_id),
                tries=int(run.tags.get(TRY, 0)),
                days=days,
                assets=left,
                is_lost=failed.is_lost,
                ended=failed.ended,
                cause=" | ".join(dict.fromkeys(reason.cause for reason in failed.reasons)),
                may_succeed=all(reason.may_succeed for reason in failed.reasons if not reason.is_final),
                tags={
                    name: value for name, value in run.tags.items() if name.startswith("refera/") and name not in OWN
                },
            )
