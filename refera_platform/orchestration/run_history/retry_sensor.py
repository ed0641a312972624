"""Retry sensor: runs a failed run's missing assets again, once the cause of the failure is gone.

orphaned run ──▶ marked as failed ──┐
failed run ─────────────────────────┴─▶ backoff over? ──▶ preflight checks pass? ──▶ run of the missing assets

``retry_candidates`` finds the failed runs; ``run_process`` finds orphaned ones.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster import RunsFilter

from refera_platform.orchestration.partitions import partition_run_request
from refera_platform.orchestration.run_history.retry_candidates import (
    ATTEMPT_TAG,
    MATERIALIZING_JOBS,
    ROOT_TAG,
    RetryCandidate,
    retry_candidates,
)
from refera_platform.orchestration.run_history.run_process import ACTIVE_STATUSES, fail_orphaned_runs
from refera_platform.runners.examination import diagnose_stage
from refera_platform.settings.stage import Stage
from refera_platform.source.doctor.finding import Verdict
from refera_platform.source.table import SourceTable

MIN_BACKOFF, MAX_BACKOFF = timedelta(seconds=30), timedelta(hours=4)
MAX_ATTEMPTS = 12
"""Most attempts of one failure; with their backoff they last for more than a day."""


def build_recovery_sensor(
    job: "dg.UnresolvedAssetJobDefinition", stage: Stage, tables: Sequence[SourceTable]
) -> dg.SensorDefinition:
    """Sensor that searches for failed runs twice a minute; running by default."""

    @dg.sensor(
        name="run_again_what_failed",
        job=job,
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            "Retries the missing assets of a failed run once its cause no longer exists: the source answers, the"
            " buckets can be written, the binlog is still kept. Waits twice as long after each try; a failed test or a"
            " day that cannot be captured is not retried. Also ends runs whose process was killed."
        ),
    )
    def run_again_what_failed(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        instance = context.instance
        if orphaned_run_ids := fail_orphaned_runs(instance, stage.home):
            context.log.warning(f"The processes of these runs no longer exist: {', '.join(orphaned_run_ids)}")
        graph = context.repository_def.asset_graph if context.repository_def else None
        existing_assets = graph.materializable_asset_keys if graph else frozenset()
        if active_run_id := _active_run_id(instance):
            return dg.SkipReason(f"Run {active_run_id} is in progress.")
        wait_reason = ""
        for candidate in retry_candidates(instance, existing_assets):
            wait_reason = _reason_to_wait(candidate, datetime.now(UTC))
            if wait_reason:
                continue
            if failed_precondition := _failed_precondition(stage, tables):
                return dg.SkipReason(f"The cause still exists: {failed_precondition}")
            return retry_request(candidate)
        return dg.SkipReason(wait_reason or "No failed run has left anything undone.")

    return run_again_what_failed


def retry_request(candidate: RetryCandidate) -> dg.RunRequest:
    """Run request for the missing assets of a failed run."""
    attempts = candidate.attempts + 1
    has_partitions = any(key.path[0] == "raw" for key in candidate.missing_assets)
    return partition_run_request(
        candidate.days if has_partitions else (),
        run_key=f"{candidate.root_run_id} {attempts}",
        tags={**candidate.tags, ROOT_TAG: candidate.root_run_id, ATTEMPT_TAG: str(attempts)},
        asset_selection=sorted(candidate.missing_assets),
    )


def _active_run_id(instance: dg.DagsterInstance) -> str:
    """Id of an active run that may be making the missing assets; empty when there is none."""
    runs = instance.get_runs(RunsFilter(statuses=ACTIVE_STATUSES))
    return next((run.run_id for run in runs if run.job_name in MATERIALIZING_JOBS), "")


def _reason_to_wait(candidate: RetryCandidate, now: datetime) -> str:
    """Why a failed run is not retried now; empty when it is."""
    if not candidate.is_retryable:
        return f"Run {candidate.run_id} failed in a way that another try does not fix: {candidate.cause}"
    if candidate.attempts >= MAX_ATTEMPTS:
        return f"Run {candidate.run_id} was the last of {MAX_ATTEMPTS} tries: {candidate.cause}"
    if candidate.is_process_lost and not candidate.attempts:
        return ""
    due_at = candidate.ended_at + min(MIN_BACKOFF * 2**candidate.attempts, MAX_BACKOFF)
    return f"Run {candidate.run_id} is tried again at {due_at:%H:%M:%S} UTC." if now < due_at else ""


def _failed_precondition(stage: Stage, tables: Sequence[SourceTable]) -> str:
    """The first failed preflight check of the sources, the lake and the warehouse; empty when all pass."""
    findings = diagnose_stage(stage, tables).findings
    return next(
        (f"{each.about}: {each.found} {each.remedy}".strip() for each in findings if each.verdict is Verdict.FAIL),
        "",
    )
