"""Runs that failed and that nothing has made good since: what Dagster's history says of them, as faults.

A run is watched from its failure until each asset that it owed is materialized for the same day, or a newer run has
failed on it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import dagster as dg
from dagster import DagsterRunStatus, RunRecord, RunsFilter

from refera_platform.alerts.fault import Fault, Kind, mark
from refera_platform.orchestration.run_history.failed_steps import FailedRun, Owed, Reason, ended

MOST_RUNS = 50
"""Failed runs that are watched at one time: the newest."""
FIRST_LOOK = timedelta(days=1)
"""How far back the very first look goes."""
OVERLAP = timedelta(minutes=1)
"""How long a change of a run may take from its stamp until it can be read."""
RETRY_DECIDED, RETRY_BEGUN = timedelta(minutes=1), timedelta(minutes=10)
"""How long Dagster may take to say whether it runs a failed run again, and to do so."""
WILL_RETRY, RETRIED_BY = "dagster/will_retry", "dagster/auto_retry_run_id"


def failed_since(instance: dg.DagsterInstance, seen: datetime | None, now: datetime) -> tuple[list[str], datetime]:
    """Runs whose failure was noted after ``seen``, and until when that was looked at."""
    start = seen or now - FIRST_LOOK
    records = instance.get_run_records(
        RunsFilter(statuses=[DagsterRunStatus.FAILURE], updated_after=start - OVERLAP),
        limit=MOST_RUNS,
        order_by="update_timestamp",
    )
    ids = [record.dagster_run.run_id for record in records]
    return ids, max([start, *(record.update_timestamp for record in records)])


@dataclass(frozen=True, kw_only=True)
class Runs:
    """What is to be said of failed runs."""

    faults: tuple[Fault, ...]
    watched: tuple[str, ...]
    """Those to look at again."""
    undecided: tuple[str, ...]
    """Of these, the ones that Dagster itself may still make good."""


def look_at_runs(instance: dg.DagsterInstance, known: set[dg.AssetKey], watched: Sequence[str], now: datetime) -> Runs:
    """What is still wrong of some failed runs.

    Args:
        instance: Dagster's history.
        known: The assets that exist; what others owe is nothing to anybody any more.
        watched: Ids of failed runs.
        now: The present.
    """
    ids = list(dict.fromkeys(watched))
    records = instance.get_run_records(RunsFilter(run_ids=ids)) if ids else []
    records = sorted(records, key=lambda record: record.end_time or 0.0, reverse=True)[:MOST_RUNS]
    faults, struck, undecided, taken_over = list[Fault](), list[str](), list[str](), set[Owed]()
    for record in records:
        run = record.dagster_run
        if run.status is not DagsterRunStatus.FAILURE:
            continue
        if _may_be_retried(instance, record, now):
            undecided.append(run.run_id)
            continue
        if _was_retried(instance, record):
            continue
        failed = FailedRun.read(instance, record)
        told = [_fault(instance, record, reason, known, taken_over) for reason in failed.reasons]
        found = [fault for fault in told if fault]
        faults += found
        struck += [run.run_id] if any(fault.kind is Kind.RUN for fault in found) else []
    return Runs(faults=tuple(faults), watched=(*struck, *undecided), undecided=tuple(undecided))


def _may_be_retried(instance: dg.DagsterInstance, record: RunRecord, now: datetime) -> bool:
    """Whether Dagster is about to run it again, or does so now: then it has not failed yet."""
    tags, since = record.dagster_run.tags, now - ended(record)
    if again := tags.get(RETRIED_BY):
        child = instance.get_run_record_by_id(again)
        if child is None or child.dagster_run.status is not DagsterRunStatus.FAILURE:
            return child is not None and not child.dagster_run.is_finished
        return _may_be_retried(instance, child, now)
    if WILL_RETRY not in tags:
        return instance.run_retries_enabled and since < RETRY_DECIDED
    return tags[WILL_RETRY] == "true" and since < RETRY_BEGUN


def _was_retried(instance: dg.DagsterInstance, record: RunRecord) -> bool:
    """Whether Dagster ran it again and that failed too: that run is the one to tell of."""
    again = record.dagster_run.tags.get(RETRIED_BY)
    child = instance.get_run_by_id(again) if again else None
    return child is not None and child.status is DagsterRunStatus.FAILURE


def _fault(
    instance: dg.DagsterInstance,
    record: RunRecord,
    reason: Reason,
    known: set[dg.AssetKey],
    taken_over: set[Owed],
) -> Fault | None:
    """What is still owed for one cause; newer runs that failed on it took it over."""
    open_still = [
        each
        for each in dict.fromkeys(reason.owed)
        if each not in taken_over and (each.asset is None or each.asset in known)
    ]
    taken_over.update(open_still)
    missing = [each for each in open_still if not each.was_made_since(instance, record)]
    if not missing:
        return None
    run_id = record.dagster_run.run_id
    return Fault(
        kind=Kind.REFUSED if reason.is_final else Kind.RUN,
        cause=reason.for_alerts,
        things=tuple(dict.fromkeys(each.name for each in missing)),
        link=f"/runs/{run_id}",
        since=ended(record),
        run_id=run_id,
        marks=tuple(dict.fromkeys(mark(each.name, each.partition or "") for each in missing)),
    )
