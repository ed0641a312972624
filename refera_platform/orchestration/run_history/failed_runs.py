"""Open failures: failed runs whose assets are still missing, as faults for alerts.

A failure stays open until each target of the run is materialized for the same day, or a newer run has failed on it.
``failed_steps`` reads one failed run; ``failed_checks`` has the faults of checks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import dagster as dg
from dagster import DagsterRunStatus, RunRecord, RunsFilter

from refera_platform.alerts.fault import Fault, FaultKind, symptom
from refera_platform.orchestration.run_history.failed_steps import FailedRun, FailureReason, RunTarget, run_ended_at

MAX_FAILED_RUNS = 50
"""Most failed runs that are tracked at a time: the newest ones."""
INITIAL_LOOKBACK = timedelta(days=1)
"""How far back the very first evaluation searches."""
OVERLAP = timedelta(minutes=1)
"""Longest delay between the update timestamp of a run and the instant from which its record can be read."""
RETRY_DECISION_TIMEOUT, RETRY_START_TIMEOUT = timedelta(minutes=1), timedelta(minutes=10)
"""How long Dagster may take to decide whether it retries a failed run, and to start the retry."""
WILL_RETRY_TAG, RETRY_RUN_TAG = "dagster/will_retry", "dagster/auto_retry_run_id"


def failed_runs_since(
    instance: dg.DagsterInstance, checked_until: datetime | None, now: datetime
) -> tuple[list[str], datetime]:
    """Ids of runs that failed after ``checked_until``, and the instant from which the next search starts."""
    start = checked_until or now - INITIAL_LOOKBACK
    records = instance.get_run_records(
        RunsFilter(statuses=[DagsterRunStatus.FAILURE], updated_after=start - OVERLAP),
        limit=MAX_FAILED_RUNS,
        order_by="update_timestamp",
    )
    ids = [record.dagster_run.run_id for record in records]
    return ids, max([start, *(record.update_timestamp for record in records)])


@dataclass(frozen=True, kw_only=True)
class OpenFailures:
    """Open failures of some runs."""

    faults: tuple[Fault, ...]
    pending_run_ids: tuple[str, ...]
    """Runs to examine again at the next evaluation."""
    undecided_run_ids: tuple[str, ...]
    """Those of them that Dagster itself may still retry."""


def find_open_failures(
    instance: dg.DagsterInstance, existing_assets: set[dg.AssetKey], run_ids: Sequence[str], now: datetime
) -> OpenFailures:
    """Find what is still missing because of some failed runs.

    Args:
        instance: Dagster's instance.
        existing_assets: Assets that exist; a failure of a removed asset is no longer open.
        run_ids: Ids of failed runs.
        now: The present.
    """
    ids = list(dict.fromkeys(run_ids))
    records = instance.get_run_records(RunsFilter(run_ids=ids)) if ids else []
    records = sorted(records, key=lambda record: record.end_time or 0.0, reverse=True)[:MAX_FAILED_RUNS]
    faults, failing_run_ids, undecided_run_ids, superseded = list[Fault](), list[str](), list[str](), set[RunTarget]()
    for record in records:
        run = record.dagster_run
        if run.status is not DagsterRunStatus.FAILURE:
            continue
        if _may_be_retried(instance, record, now):
            undecided_run_ids.append(run.run_id)
            continue
        if _is_superseded_by_retry(instance, record):
            continue
        failed_run = FailedRun.from_record(instance, record)
        candidates = [
            _run_fault(instance, record, reason, existing_assets, superseded) for reason in failed_run.reasons
        ]
        run_faults = [fault for fault in candidates if fault]
        faults += run_faults
        failing_run_ids += [run.run_id] if any(fault.kind is FaultKind.RUN for fault in run_faults) else []
    return OpenFailures(
        faults=tuple(faults),
        pending_run_ids=(*failing_run_ids, *undecided_run_ids),
        undecided_run_ids=tuple(undecided_run_ids),
    )


def _may_be_retried(instance: dg.DagsterInstance, record: RunRecord, now: datetime) -> bool:
    """Whether Dagster is about to retry the run or is retrying it: then the failure is not final."""
    tags, since = record.dagster_run.tags, now - run_ended_at(record)
    if retry_run_id := tags.get(RETRY_RUN_TAG):
        retry_record = instance.get_run_record_by_id(retry_run_id)
        if retry_record is None or retry_record.dagster_run.status is not DagsterRunStatus.FAILURE:
            return retry_record is not None and not retry_record.dagster_run.is_finished
        return _may_be_retried(instance, retry_record, now)
    if WILL_RETRY_TAG not in tags:
        return instance.run_retries_enabled and since < RETRY_DECISION_TIMEOUT
    return tags[WILL_RETRY_TAG] == "true" and since < RETRY_START_TIMEOUT


def _is_superseded_by_retry(instance: dg.DagsterInstance, record: RunRecord) -> bool:
    """Whether Dagster retried the run and the retry failed too: then the retry is the one to report."""
    retry_run_id = record.dagster_run.tags.get(RETRY_RUN_TAG)
    retry_run = instance.get_run_by_id(retry_run_id) if retry_run_id else None
    return retry_run is not None and retry_run.status is DagsterRunStatus.FAILURE


def _run_fault(
    instance: dg.DagsterInstance,
    record: RunRecord,
    reason: FailureReason,
    existing_assets: set[dg.AssetKey],
    superseded: set[RunTarget],
) -> Fault | None:
    """Fault of one failure reason: its targets that are still missing and that no newer failed run covers."""
    open_targets = [
        each
        for each in dict.fromkeys(reason.targets)
        if each not in superseded and (each.asset is None or each.asset in existing_assets)
    ]
    superseded.update(open_targets)
    missing = [each for each in open_targets if not each.is_materialized_since(instance, record)]
    if not missing:
        return None
    run_id = record.dagster_run.run_id
    return Fault(
        kind=FaultKind.REFUSED if reason.is_final else FaultKind.RUN,
        cause=reason.alert_text,
        affected=tuple(dict.fromkeys(each.name for each in missing)),
        link=f"/runs/{run_id}",
        since=run_ended_at(record),
        run_id=run_id,
        symptoms=tuple(dict.fromkeys(symptom(each.name, each.partition or "") for each in missing)),
    )
