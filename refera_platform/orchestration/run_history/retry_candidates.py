"""Retry candidates: failed runs whose assets are still missing, also after their retries have ended.

failed runs, less what later runs made ──▶ retry_candidates() ──▶ retry sensor, check ``no_day_has_failed``

Starts no run: ``retry_sensor`` does.
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
"""Tags of a retry: the id of the run that failed first, and the number of the attempt."""
SINGLE_RUN_TAGS = frozenset({ROOT_TAG, ATTEMPT_TAG, PROCESS_TAG})
"""Tags that belong to one run and are not copied to its retry."""
DAILY_JOB = "daily"
MATERIALIZING_JOBS = frozenset({DAILY_JOB, "__ASSET_JOB"})
"""Jobs that materialize assets: ours, and Dagster's own for the Materialize button and backfills."""
LOOKBACK = timedelta(days=14)
"""How far back failed runs are searched."""
MAX_FAILED_RUNS = 200
"""Most failed runs that are searched."""


@dataclass(frozen=True, kw_only=True)
class RetryCandidate:
    """A failed run, and its assets that no later run made."""

    run_id: str
    root_run_id: str
    """The run that failed first."""
    attempts: int
    """How many times it was retried so far."""
    days: tuple[date, ...]
    """Its days, oldest first; empty for a run without partitions."""
    missing_assets: frozenset[dg.AssetKey]
    """Assets that are still to be made."""
    cause: str
    """Its failure reasons, one sentence each."""
    is_retryable: bool
    """Whether another attempt of the same run can succeed."""
    is_process_lost: bool
    """Whether its process ended without reporting a failed step."""
    ended_at: datetime
    tags: dict[str, str]
    """Tags of ours that say how the run is to be executed; its retry gets them too."""


def retry_candidates(
    instance: dg.DagsterInstance, existing_assets: Collection[dg.AssetKey]
) -> Iterator[RetryCandidate]:
    """Failed runs whose assets are still missing, newest first.

    Args:
        instance: Dagster's instance.
        existing_assets: Assets that exist; a removed asset is not missing.
    """
    since, superseded = datetime.now(UTC) - LOOKBACK, set[tuple[RunTarget, tuple[date, ...]]]()
    failed_runs = RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], created_after=since)
    for record in instance.get_run_records(failed_runs, limit=MAX_FAILED_RUNS):
        run = record.dagster_run
        if run.job_name not in MATERIALIZING_JOBS:
            continue
        failed_run, days = FailedRun.from_record(instance, record), partition_days(run.tags)
        # a newer run that failed on the same target and days stands for the older ones: one candidate for all attempts
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
