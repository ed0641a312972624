"""Failed steps of a run: its targets and the reasons of its failure, read from Dagster's event log.

events of a failed run ──▶ FailedRun (targets, reasons) ──▶ retry sensor, check of failed days, alerts
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from dagster import DagsterEvent, DagsterEventType, DagsterRunStatus, EventLogEntry, RunRecord, RunsFilter
from dagster_shared.error import SerializableErrorInfo

from refera_platform.errors import ReferaError

REASONS_KEY = "reasons"
"""Metadata key of a step failure: a list of reasons, each with cause, assets, and whether it is final."""
MAY_SUCCEED_KEY = "may_succeed_when_tried_again"
"""Metadata key of a step failure: false when only other data or other code can help."""
FOR_ALERTS_KEY = "for_alerts"
"""Metadata key of a step failure or a check: the text for alerts, when the description may hold values of rows."""
FAILURE_EVENT_TYPES = {
    DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
    DagsterEventType.STEP_FAILURE,
    DagsterEventType.RUN_FAILURE,
}
MAX_EVENTS = 5000
NO_STEP_STARTED_MESSAGE = "The run failed before any step of it began."
INTERRUPT_ERRORS = {"DagsterExecutionInterruptedError", "KeyboardInterrupt"}
TERMINATED_MESSAGE = "The process that ran it was stopped by a signal; what it had committed counts."


@dataclass(frozen=True)
class RunTarget:
    """What a run has to make: an asset of one day, an asset without days, or the success of a job."""

    asset: dg.AssetKey | None
    partition: str | None = None
    job: str = ""

    @property
    def name(self) -> str:
        """Name for people: the asset key with slashes, or the job."""
        return self.asset.to_user_string() if self.asset else self.job

    def is_materialized_since(self, instance: dg.DagsterInstance, record: RunRecord) -> bool:
        """Whether any run made the target after the start of the given run."""
        if self.asset is None:
            later_runs = RunsFilter(
                job_name=self.job, statuses=[DagsterRunStatus.SUCCESS], created_after=record.create_timestamp
            )
            return bool(instance.get_run_records(later_runs, limit=1))
        later_materializations = dg.AssetRecordsFilter(
            asset_key=self.asset,
            asset_partitions=[self.partition] if self.partition else None,
            after_timestamp=record.start_time or record.create_timestamp.timestamp(),
        )
        return bool(instance.fetch_materializations(later_materializations, limit=1).records)


@dataclass(frozen=True, kw_only=True)
class FailureReason:
    """One cause of a failure."""

    cause: str
    targets: tuple[RunTarget, ...]
    """Targets that are missing for this cause; without those downstream whose steps never started."""
    alert_text: str
    """The cause without any value of a row: the text that alerts send out."""
    may_succeed: bool = True
    """Whether another attempt of the same run can succeed."""
    is_final: bool = False
    """Whether no run at all can make the targets, because their day is not available; then nothing is missing."""


@dataclass(frozen=True, kw_only=True)
class FailedRun:
    """A failed run."""

    record: RunRecord
    targets: tuple[RunTarget, ...]
    """All targets of the run; for a range of days, the newest day."""
    reasons: tuple[FailureReason, ...]
    is_process_lost: bool
    """Whether the run ended without a failed step: its process was killed, or never started."""

    @property
    def ended_at(self) -> datetime:
        """When the run failed."""
        return run_ended_at(self.record)

    @property
    def unavailable_targets(self) -> frozenset[RunTarget]:
        """Targets that no run at all can make."""
        return frozenset(each for reason in self.reasons if reason.is_final for each in reason.targets)

    @classmethod
    def from_record(cls, instance: dg.DagsterInstance, record: RunRecord) -> "FailedRun":
        """Read a failed run from its events."""
        run = record.dagster_run
        records = instance.get_records_for_run(run.run_id, of_type=FAILURE_EVENT_TYPES, limit=MAX_EVENTS).records
        entries = [one.event_log_entry for one in records]
        events = [entry.dagster_event for entry in entries if entry.dagster_event]
        planned: dict[str, list[RunTarget]] = {}
        for event in events:
            if event.event_type is DagsterEventType.ASSET_MATERIALIZATION_PLANNED:
                data = event.asset_materialization_planned_data
                last = data.partition or run.tags.get("dagster/asset_partition_range_end")
                planned.setdefault(event.step_key or "", []).append(RunTarget(data.asset_key, last))
        all_targets = tuple(dict.fromkeys(each for step in planned.values() for each in step))
        failures = [event for event in events if event.event_type is DagsterEventType.STEP_FAILURE]
        # an interrupted step has no fault of its own: the machine ended the process
        steps = [event for event in failures if not is_interruption(event.step_failure_data.error)]
        run_targets = all_targets or (RunTarget(None, job=run.job_name),)
        reasons = tuple(_step_reasons(steps, planned, (RunTarget(None, job=run.job_name),)))
        message, alert_text = _run_failure_messages(entries)
        process_reasons = (FailureReason(cause=message, alert_text=alert_text, targets=run_targets),)
        return cls(record=record, targets=all_targets, reasons=reasons or process_reasons, is_process_lost=not steps)


def dagster_failure(error: ReferaError, **metadata: bool) -> dg.Failure:
    """Dagster's failure for an error of ours; allows retries only for a transient error."""
    alert_metadata: dict[str, Any] = {FOR_ALERTS_KEY: error.public_message, **metadata}
    return dg.Failure(str(error), metadata=alert_metadata, allow_retries=error.is_transient)


def run_ended_at(record: RunRecord) -> datetime:
    """When a run ended."""
    return datetime.fromtimestamp(record.end_time or record.update_timestamp.timestamp(), UTC)


def _step_reasons(
    steps: Sequence[DagsterEvent], planned: Mapping[str, Sequence[RunTarget]], job_targets: tuple[RunTarget, ...]
) -> Iterator[FailureReason]:
    """Reasons of the failed steps: those that a step recorded, else one for the step."""
    for step in steps:
        step_targets = tuple(planned.get(step.step_key or "", ())) or job_targets
        data = step.step_failure_data.user_failure_data
        recorded = data.metadata.get(REASONS_KEY) if data else None
        retryable = data.metadata.get(MAY_SUCCEED_KEY) if data else None
        may_succeed = retryable is None or bool(retryable.value)
        if recorded is not None and isinstance(recorded.value, list):
            for reason in recorded.value:
                planned_targets = tuple(each for each in step_targets if each.name in reason["assets"])
                # Dagster plans no targets for a partition that it does not know
                reason_targets = planned_targets or tuple(
                    RunTarget(dg.AssetKey.from_user_string(name)) for name in reason["assets"]
                )
                yield FailureReason(
                    cause=reason["cause"],
                    targets=reason_targets,
                    may_succeed=may_succeed,
                    alert_text=reason.get(FOR_ALERTS_KEY) or reason["cause"],
                    is_final=bool(reason.get("is_final")),
                )
            continue
        error = step.step_failure_data.error
        description = data.description if data else None
        cause = (error.cause or error) if error else None
        message = description or (cause.message if cause else f"Step {step.step_key} failed.")
        # the text of a ``dg.Failure`` is ours; any other exception may quote a value of a row
        kind = (cause.cls_name if cause else None) or "an error"
        alert_text = description or f"Step {step.step_key} failed with {kind}; its message is in the run."
        if data and (recorded := data.metadata.get(FOR_ALERTS_KEY)) is not None:
            alert_text = str(recorded.value)
        yield FailureReason(cause=message, alert_text=alert_text, targets=step_targets, may_succeed=may_succeed)


def is_interruption(error: SerializableErrorInfo | None) -> bool:
    """Whether a signal ended the step, also when a library raised an error of its own from it."""
    while error is not None:
        if error.cls_name in INTERRUPT_ERRORS:
            return True
        error = error.cause
    return False


def _run_failure_messages(entries: Sequence[EventLogEntry]) -> tuple[str, str]:
    """Cause and text for alerts of a run that failed without a failed step."""
    for event in (entry.dagster_event for entry in entries):
        if event and event.is_job_failure:
            data = event.job_failure_data if event.event_specific_data else None
            if data and is_interruption(data.error):
                return TERMINATED_MESSAGE, TERMINATED_MESSAGE
            if data and data.error:
                kind = data.error.cls_name or "an error"
                return data.error.message, f"The run failed with {kind}; its message is in the run."
            if event.message:
                return event.message, event.message
    return NO_STEP_STARTED_MESSAGE, NO_STEP_STARTED_MESSAGE
