"""What failed runs left undone: a retry that ends in silence hides nothing.

failed runs, less what later runs made ──▶ unfinished() ──▶ the recovery sensor, the check ``no_day_has_failed``
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import dagster as dg
from dagster import RunsFilter

from refera_platform.orchestration.partitions import partition_days
from refera_platform.orchestration.run_history.failed_steps import FailedRun, RunTarget
from refera_platform.orchestration.run_history.run_process import PROCESS_TAG

ROOT_TAG, ATTEMPT_TAG = "refera/retry-of", "refera/try"
"""Tags of a run that tries again: the run that failed first, and how many times it was tried again."""
SINGLE_RUN_TAGS = frozenset({ROOT_TAG, ATTEMPT_TAG, PROCESS_TAG})
"""Tags that are of one run alone."""
DAILY_JOB = "daily"
MATERIALIZING_JOBS = frozenset({DAILY_JOB, "__ASSET_JOB"})
"""The jobs that make assets: ours, and Dagster's own of the Materialize button and of backfills."""
LOOKBACK = timedelta(days=14)
"""How long a failed run is looked at."""
MAX_FAILED_RUNS = 200
"""Failed runs that are looked at."""


@dataclass(frozen=True, kw_only=True)
class RetryCandidate:
    """A failed run, and what nobody made since."""

    run_id: str
    root_run_id: str
    """The run that failed first."""
    attempts: int
    """How many times it was tried again already."""
    days: tuple[date, ...]
    """Its days, oldest first; none when it knew no days."""
    missing_assets: frozenset[dg.AssetKey]
    """What is still to be made."""
    cause: str
    """Its failures, one sentence each."""
    is_retryable: bool
    """Whether another try of the same could end otherwise."""
    is_process_lost: bool
    """Whether its process ended without a word."""
    ended_at: datetime
    tags: dict[str, str]
    """The tags of ours that say how it was to be run."""


def retry_candidates(
    instance: dg.DagsterInstance, existing_assets: Collection[dg.AssetKey]
) -> Iterator[RetryCandidate]:
    """Failed runs whose work is still missing, the newest first.

    Args:
        instance: Whose history.
        existing_assets: The assets that exist; those of a removed table are owed by nobody.
    """
    since, superseded = datetime.now(UTC) - LOOKBACK, set[tuple[RunTarget, tuple[date, ...]]]()
    failed_runs = RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], created_after=since)
    for record in instance.get_run_records(failed_runs, limit=MAX_FAILED_RUNS):
        run = record.dagster_run
        if run.job_name not in MATERIALIZING_JOBS:
            continue
        failed_run, days = FailedRun.from_record(instance, record), partition_days(run.tags)
        # what a newer run failed on for the same days is that run's: twelve tries are not looked at twelve times
        targets = {(each, days) for each in failed_run.targets if each.asset in existing_assets} - superseded
        superseded |= targets
        missing_assets = frozenset(
            each.asset
            for each, _ in targets
            if each.asset
            and each not in failed_run.unavailable_targets
            and not each.is_materialized_since(instance, record)
        )
        if missing_assets:
            yield RetryCandidate(
                run_id=run.run_id,
                root_run_id=run.tags.get(ROOT_TAG, run.run_id),
                attempts=int(run.tags.get(ATTEMPT_TAG, 0)),
                days=days,
                missing_assets=missing_assets,
                is_process_lost=failed_run.is_process_lost,
                ended_at=failed_run.ended_at,
                cause=" | ".join(dict.fromkeys(reason.cause for reason in failed_run.reasons)),
                is_retryable=all(reason.may_succeed for reason in failed_run.reasons if not reason.is_final),
                tags={
                    name: value
                    for name, value in run.tags.items()
                    if name.startswith("refera/") and name not in SINGLE_RUN_TAGS
                },
            )
