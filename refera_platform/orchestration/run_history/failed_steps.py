"""What a failed run was to make and for which reasons it did not, as Dagster's history tells it.

events of a failed run ──▶ FailedRun (owed by step, reasons) ──▶ recovery, the check of failed days, alerts
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from dagster import DagsterEvent, DagsterEventType, DagsterRunStatus, EventLogEntry, RunRecord, RunsFilter
from dagster_shared.error import SerializableErrorInfo

from refera_platform.errors import ReferaError

REASONS = "reasons"
"""Metadata of a step's failure: each cause, the assets that it struck, and whether nothing at all brings them."""
AGAIN = "may_succeed_when_tried_again"
"""Metadata of a step's failure that says false when only other data or other code can help."""
FOR_ALERTS = "for_alerts"
"""Metadata of a step's failure or a check: what alerts say of it, where its own words may hold values of rows."""
TOLD_BY = {
    DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
    DagsterEventType.STEP_FAILURE,
    DagsterEventType.RUN_FAILURE,
}
MOST_EVENTS = 5000
NEVER_BEGAN = "The run failed before any step of it began."
INTERRUPTS = {"DagsterExecutionInterruptedError", "KeyboardInterrupt"}
ENDED_FROM_OUTSIDE = "The process that ran it was told to end; what it had committed counts."


@dataclass(frozen=True)
class Owed:
    """An asset of one day, an asset without days, or what a job does."""

    asset: dg.AssetKey | None
    partition: str | None = None
    job: str = ""

    @property
    def name(self) -> str:
        """How people read it."""
        return self.asset.to_user_string() if self.asset else self.job

    def was_made_since(self, instance: dg.DagsterInstance, record: RunRecord) -> bool:
        """Whether somebody made it since a run began."""
        if self.asset is None:
            again = RunsFilter(
                job_name=self.job, statuses=[DagsterRunStatus.SUCCESS], created_after=record.create_timestamp
            )
            return bool(instance.get_run_records(again, limit=1))
        wanted = dg.AssetRecordsFilter(
            asset_key=self.asset,
            asset_partitions=[self.partition] if self.partition else None,
            after_timestamp=record.start_time or record.create_timestamp.timestamp(),
        )
        return bool(instance.fetch_materializations(wanted, limit=1).records)


@dataclass(frozen=True, kw_only=True)
class Reason:
    """One cause of a failure."""

    cause: str
    owed: tuple[Owed, ...]
    """What is missing for it: not what stands below it and never began."""
    for_alerts: str
    """The cause without any value of a row: what leaves the house."""
    may_succeed: bool = True
    """Whether another try of the same could end otherwise."""
    is_final: bool = False
    """Whether no run at all can make it, because the day is not to be had: then nobody owes it any more."""


@dataclass(frozen=True, kw_only=True)
class FailedRun:
    """A run that failed."""

    record: RunRecord
    owed: tuple[Owed, ...]
    """All that it was to make, of several days the newest."""
    reasons: tuple[Reason, ...]
    is_lost: bool
    """Whether it ended without that any step failed: its process was killed, or never began."""

    @property
    def ended(self) -> datetime:
        """When it failed."""
        return ended(self.record)

    @property
    def unavailable(self) -> frozenset[Owed]:
        """What no run at all can make."""
        return frozenset(each for reason in self.reasons if reason.is_final for each in reason.owed)

    @classmethod
    def read(cls, instance: dg.DagsterInstance, record: RunRecord) -> "FailedRun":
        """What the events of a run say."""
        run = record.dagster_run
        found = instance.get_records_for_run(run.run_id, of_type=TOLD_BY, limit=MOST_EVENTS).records
        entries = [one.event_log_entry for one in found]
        events = [entry.dagster_event for entry in entries if entry.dagster_event]
        planned: dict[str, list[Owed]] = {}
        for event in events:
            if event.event_type is DagsterEventType.ASSET_MATERIALIZATION_PLANNED:
                data = event.asset_materialization_planned_data
                last = data.partition or run.tags.get("dagster/asset_partition_range_end")
                planned.setdefault(event.step_key or "", []).append(Owed(data.asset_key, last))
        everything = tuple(dict.fromkeys(each for step in planned.values() for each in step))
        failures = [event for event in events if event.event_type is DagsterEventType.STEP_FAILURE]
        # a machine that ended the process has found no fault in the step
        steps = [event for event in failures if not was_interrupted(event.step_failure_data.error)]
        whole = everything or (Owed(None, job=run.job_name),)
        reasons = tuple(_reasons(steps, planned, (Owed(None, job=run.job_name),)))
        why, public = _why(entries)
        lost = (Reason(cause=why, for_alerts=public, owed=whole),)
        return cls(record=record, owed=everything, reasons=reasons or lost, is_lost=not steps)


def failure(error: ReferaError, **metadata: bool) -> dg.Failure:
    """What a step raises for an error of ours; only what may pass by itself is tried again."""
    told: dict[str, Any] = {FOR_ALERTS: error.for_alerts, **metadata}
    return dg.Failure(str(error), metadata=told, allow_retries=error.passing)


def ended(record: RunRecord) -> datetime:
    """When a run ended."""
    return datetime.fromtimestamp(record.end_time or record.update_timestamp.timestamp(), UTC)


def _reasons(
    steps: Sequence[DagsterEvent], planned: Mapping[str, Sequence[Owed]], job: tuple[Owed, ...]
) -> Iterator[Reason]:
    """Causes as each step itself tells them apart, or its one sentence."""
    for step in steps:
        owed = tuple(planned.get(step.step_key or "", ())) or job
        data = step.step_failure_data.user_failure_data
        told = data.metadata.get(REASONS) if data else None
        again = data.metadata.get(AGAIN) if data else None
        may_succeed = again is None or bool(again.value)
        if told is not None and isinstance(told.value, list):
            for reason in told.value:
                struck = tuple(each for each in owed if each.name in reason["assets"])
                # Dagster plans nothing of a partition that it does not know
                named = struck or tuple(Owed(dg.AssetKey.from_user_string(name)) for name in reason["assets"])
                yield Reason(
                    cause=reason["cause"],
                    owed=named,
                    may_succeed=may_succeed,
                    for_alerts=reason.get(FOR_ALERTS) or reason["cause"],
                    is_final=bool(reason.get("is_final")),
                )
            continue
        error = step.step_failure_data.error
        said = data.description if data else None
        cause = (error.cause or error) if error else None
        words = said or (cause.message if cause else f"Step {step.step_key} failed.")
        # a ``dg.Failure`` has words of ours; what else is raised may quote whatever it stumbled over
        kind = (cause.cls_name if cause else None) or "an error"
        public = said or f"Step {step.step_key} failed with {kind}; its words are in the run."
        if data and (told := data.metadata.get(FOR_ALERTS)) is not None:
            public = str(told.value)
        yield Reason(cause=words, for_alerts=public, owed=owed, may_succeed=may_succeed)


def was_interrupted(error: SerializableErrorInfo | None) -> bool:
    """Whether a signal ended it, also one that came out of a library as something else's cause."""
    while error is not None:
        if error.cls_name in INTERRUPTS:
            return True
        error = error.cause
    return False


def _why(entries: Sequence[EventLogEntry]) -> tuple[str, str]:
    """Why a run failed in which no step did, and the same for alerts."""
    for event in (entry.dagster_event for entry in entries):
        if event and event.is_job_failure:
            data = event.job_failure_data if event.event_specific_data else None
            if data and was_interrupted(data.error):
                return ENDED_FROM_OUTSIDE, ENDED_FROM_OUTSIDE
            if data and data.error:
                kind = data.error.cls_name or "an error"
                return data.error.message, f"The run failed with {kind}; its words are in the run."
            if event.message:
                return event.message, event.message
    return NEVER_BEGAN, NEVER_BEGAN
