"""What a failed run was to make and for which reasons it did not, as Dagster's history tells it.

events of a failed run ──▶ FailedRun (owed by step, reasons) ──▶ recovery, the check of failed days, alerts
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg
from dagster import DagsterEvent, DagsterEventType, DagsterRunStatus, EventLogEntry, RunRecord, RunsFilter

REASONS = "reasons"
"""Metadata of a step's failure: each cause, the assets that it struck, and whether nothing at all brings them."""
AGAIN = "may_succeed_when_tried_again"
"""Metadata of a step's failure that says false when only other data or other code can help."""
TOLD_BY = {
    DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
    DagsterEventType.STEP_FAILURE,
    DagsterEventType.RUN_FAILURE,
}
MOST_EVENTS = 5000


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
        steps = [event for event in events if event.event_type is DagsterEventType.STEP_FAILURE]
        whole = everything or (Owed(None, job=run.job_name),)
        reasons = tuple(_reasons(steps, planned, (Owed(None, job=run.job_name),)))
        lost = (Reason(cause=_why(entries), owed=whole),)
        return cls(record=record, owed=everything, reasons=reasons or lost, is_lost=not steps)


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
                    cause=reason["cause"], owed=named, may_succeed=may_succeed,
                    is_final=bool(reason.get("is_final")),
                )  # fmt: skip
            continue
        error = step.step_failure_data.error
        said = data.description if data else None
        cause = (error.cause or error) if error else None
        words = said or (cause.message if cause else f"Step {step.step_key} failed.")
        yield Reason(cause=words, owed=owed, may_succeed=may_succeed)


def _why(entries: Sequence[EventLogEntry]) -> str:
    """Why a run failed in which no step did."""
    for event in (entry.dagster_event for entry in entries):
        if event and event.is_job_failure:
            data = event.job_failure_data if event.event_specific_data else None
            if data and data.error:
                return data.error.message
            if event.message:
                return event.message
    return "The run failed before any step of it began."
