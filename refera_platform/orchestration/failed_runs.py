"""Runs that failed and that nothing has made good since: what Dagster's history says of them, as faults.

A run is watched from its failure until each asset that it owed is materialized for the same day, or a newer run has
failed on it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster import DagsterEvent, DagsterEventType, DagsterRunStatus, EventLogEntry, RunRecord, RunsFilter

from refera_platform.alerts.fault import Fault, Kind
from refera_platform.orchestration.raw_assets import REASONS

MOST_RUNS = 50
"""Failed runs that are watched at one time: the newest."""
FIRST_LOOK = timedelta(days=1)
"""How far back the very first look goes."""
OVERLAP = timedelta(minutes=1)
"""How long a change of a run may take from its stamp until it can be read."""
RETRY_DECIDED, RETRY_BEGUN = timedelta(minutes=1), timedelta(minutes=10)
"""How long Dagster may take to say whether it runs a failed run again, and to do so."""
WILL_RETRY, RETRIED_BY = "dagster/will_retry", "dagster/auto_retry_run_id"
TOLD_BY = {
    DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
    DagsterEventType.STEP_FAILURE,
    DagsterEventType.RUN_FAILURE,
}
MOST_EVENTS = 5000


@dataclass(frozen=True)
class Owed:
    """What a failed run was to make: an asset of one day, an asset without days, or what a job does."""

    asset: dg.AssetKey | None
    partition: str | None = None
    job: str = ""

    @property
    def name(self) -> str:
        """How people read it."""
        return self.asset.to_user_string() if self.asset else self.job


def failed_since(
    instance: dg.DagsterInstance, seen: datetime | None, now: datetime
) -> tuple[list[str], datetime]:
    """Runs whose failure was noted after ``seen``, and until when that was looked at."""
    start = seen or now - FIRST_LOOK
    records = instance.get_run_records(
        RunsFilter(statuses=[DagsterRunStatus.FAILURE], updated_after=start - OVERLAP),
        limit=MOST_RUNS, order_by="update_timestamp",
    )  # fmt: skip
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


def look_at_runs(
    instance: dg.DagsterInstance, known: set[dg.AssetKey], watched: Sequence[str], now: datetime
) -> Runs:
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
        reasons = [
            _fault(instance, record, cause, owed, known, taken_over)
            for cause, owed in _reasons(instance, record)
        ]
        found = [fault for fault in reasons if fault]
        faults += found
        struck += [run.run_id] if found else []
    return Runs(faults=tuple(faults), watched=(*struck, *undecided), undecided=tuple(undecided))


def _ended(record: RunRecord) -> datetime:
    return datetime.fromtimestamp(record.end_time or record.update_timestamp.timestamp(), UTC)


def _may_be_retried(instance: dg.DagsterInstance, record: RunRecord, now: datetime) -> bool:
    """Whether Dagster is about to run it again, or does so now: then it has not failed yet."""
    tags, since = record.dagster_run.tags, now - _ended(record)
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
    cause: str,
    owed: Sequence[Owed],
    known: set[dg.AssetKey],
    taken_over: set[Owed],
) -> Fault | None:
    """What is still owed for one cause; newer runs that failed on it took it over."""
    open_still = [
        each
        for each in dict.fromkeys(owed)
        if each not in taken_over and (each.asset is None or each.asset in known)
    ]
    taken_over.update(open_still)
    missing = [each for each in open_still if not _made_since(instance, record, each)]
    if not missing:
        return None
    run_id = record.dagster_run.run_id
    return Fault(
        kind=Kind.RUN, cause=cause, things=tuple(dict.fromkeys(each.name for each in missing)),
        link=f"/runs/{run_id}", since=_ended(record), run_id=run_id,
    )  # fmt: skip


def _made_since(instance: dg.DagsterInstance, record: RunRecord, owed: Owed) -> bool:
    """Whether somebody made it since the run began."""
    if owed.asset is None:
        again = RunsFilter(
            job_name=owed.job, statuses=[DagsterRunStatus.SUCCESS], created_after=record.create_timestamp
        )
        return bool(instance.get_run_records(again, limit=1))
    wanted = dg.AssetRecordsFilter(
        asset_key=owed.asset,
        asset_partitions=[owed.partition] if owed.partition else None,
        after_timestamp=record.start_time or record.create_timestamp.timestamp(),
    )
    return bool(instance.fetch_materializations(wanted, limit=1).records)


def _reasons(instance: dg.DagsterInstance, record: RunRecord) -> Iterator[tuple[str, list[Owed]]]:
    """Each cause of a failed run, and what it owes for it."""
    run = record.dagster_run
    events = [
        (entry, entry.dagster_event)
        for found in instance.get_records_for_run(run.run_id, of_type=TOLD_BY, limit=MOST_EVENTS).records
        if (entry := found.event_log_entry).dagster_event
    ]
    planned: dict[str, list[Owed]] = {}
    for _, event in events:
        if event and event.event_type is DagsterEventType.ASSET_MATERIALIZATION_PLANNED:
            data = event.asset_materialization_planned_data
            last = data.partition or run.tags.get("dagster/asset_partition_range_end")
            planned.setdefault(event.step_key or "", []).append(Owed(data.asset_key, last))
    job = [Owed(None, job=run.job_name)]
    steps = [event for _, event in events if event and event.event_type is DagsterEventType.STEP_FAILURE]
    for step in steps:
        yield from _of_step(step, planned.get(step.step_key or "") or job)
    if not steps:
        owed = [each for found in planned.values() for each in found] or job
        yield _why([entry for entry, event in events if event and event.is_job_failure]), owed


def _of_step(step: DagsterEvent, owed: list[Owed]) -> Iterator[tuple[str, list[Owed]]]:
    """Causes as the step itself tells them apart, or its one sentence."""
    data = step.step_failure_data.user_failure_data
    told = data.metadata.get(REASONS) if data else None
    if told is not None and isinstance(told.value, list):
        for reason in told.value:
            yield reason["cause"], [each for each in owed if each.name in reason["assets"]]
        return
    error = step.step_failure_data.error
    said = data.description if data else None
    cause = (error.cause or error) if error else None
    yield said or (cause.message if cause else f"Step {step.step_key} failed."), owed


def _why(failures: Sequence[EventLogEntry]) -> str:
    """Why a run failed in which no step did."""
    for entry in failures:
        event = entry.dagster_event
        data = event.job_failure_data if event and event.event_specific_data else None
        if data and data.error:
            return data.error.message
        if event and event.message:
            return event.message
    return "The run failed before any step of it began."
