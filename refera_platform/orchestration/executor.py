"""Executor of a run: runs its steps in this process one after the other, and waits for pool slots at low cost.

Dagster's own in-process executor polls a taken pool without a pause: it burns a core, handles no signal while it
waits, and retries a step that a signal stopped. Pool slots themselves are kept in Dagster's event log storage.
"""

import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import cast

import dagster as dg
from dagster import DagsterEvent, DagsterEventType, DagsterExecutionInterruptedError, DagsterRunStatus

from refera_platform.orchestration.dagster_internals import (
    ExecuteRunWithPlanIterable,
    ExecutionPlan,
    InMemoryJob,
    InstanceConcurrencyContext,
    PlanExecutionContext,
    PlanExecutionContextManager,
    PlanOrchestrationContext,
    RetryMode,
    core_execute_in_process,
    inner_plan_execution_iterator,
    raise_execution_interrupts,
)
from refera_platform.orchestration.run_history.failed_steps import is_interruption
from refera_platform.orchestration.run_history.run_process import PROCESS_TAG, fail_orphaned_runs
from refera_platform.orchestration.stop_signal import NEVER_STOPPED, StopSignal

WAITING_PREFIX = "Waiting for "
"""Prefix of the log line that names the run which holds a pool slot."""
CLAIM_POLL_SECONDS = 2.0
"""Seconds between two attempts to claim a slot."""
SIGNAL_POLL_SECONDS = 0.2
"""Seconds that the executor sleeps before it checks for signals again."""
REMINDER_SECONDS = 60.0
STOPPED_MESSAGE = "Stopped: what was committed counts; run it again."
QUIET_RUN_CONFIG = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""Run configuration that keeps Dagster's log off the terminal."""
STEP_FAILURE_EVENTS = {DagsterEventType.STEP_FAILURE, DagsterEventType.STEP_UP_FOR_RETRY}


def build_executor(home: Path, stop_signal: StopSignal = NEVER_STOPPED) -> dg.ExecutorDefinition:
    """Executor definition for every job.

    Args:
        home: Folder in which the processes of runs hold their locks.
        stop_signal: The signal that stopped this process, if any; a stopped run is canceled and not failed.
    """

    @dg.executor(name="in_process")
    def in_process(context: dg.InitExecutorContext) -> dg.Executor:
        return PoolExecutor(home, stop_signal)

    return in_process


@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """What one run executes."""

    run_id: str
    tags: Mapping[str, str]
    """Those of its days included."""
    selection: frozenset[dg.AssetKey] | None
    """Assets to materialize; ``None`` for all of the job."""


def execute_run(
    job: dg.JobDefinition, instance: dg.DagsterInstance, executor_definition: dg.ExecutorDefinition, spec: RunSpec
) -> bool:
    """``JobDefinition.execute_in_process`` with a given executor; returns whether every step succeeded."""
    selected_keys = sorted(spec.selection or ())
    ephemeral_job = job.as_ephemeral_job({}, {}, asset_selection=selected_keys or None).with_executor_def(
        executor_definition
    )
    result = core_execute_in_process(
        run_config=QUIET_RUN_CONFIG,
        job=InMemoryJob(ephemeral_job),
        instance=instance,
        output_capturing_enabled=False,
        raise_on_error=False,
        run_tags=spec.tags,
        run_id=spec.run_id,
        asset_selection=frozenset(selected_keys),
    )
    return result.success


class PoolExecutor(dg.Executor):
    """Executor of all steps in this process."""

    def __init__(self, home: Path, stop_signal: StopSignal) -> None:
        self._home, self._stop_signal = home, stop_signal

    @property
    def retries(self) -> RetryMode:
        """Steps are retried as their retry policies say."""
        return RetryMode.ENABLED

    def execute(self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan) -> Iterator[DagsterEvent]:
        """Execute the steps; reports the run as canceling when a signal stopped this process."""
        manager = PlanExecutionContextManager(
            job=plan_context.job,
            retry_mode=plan_context.retry_mode,
            execution_plan=execution_plan,
            run_config=plan_context.run_config,
            dagster_run=plan_context.dagster_run,
            instance=plan_context.instance,
            raise_on_error=plan_context.raise_on_error,
            output_capture=plan_context.output_capture,
            step_dependency_config=self.step_dependency_config,
        )
        try:
            yield from ExecuteRunWithPlanIterable(
                execution_plan=execution_plan, iterator=self._iter_step_events, execution_context_manager=manager
            )
        except (KeyboardInterrupt, DagsterExecutionInterruptedError):
            if self._stop_signal.number:
                plan_context.instance.report_run_canceling(plan_context.dagster_run, STOPPED_MESSAGE)
            raise

    def _iter_step_events(
        self, job_context: PlanExecutionContext, execution_plan: ExecutionPlan
    ) -> Iterator[DagsterEvent]:
        with PoolQueue(job_context, self._home) as queue:
            steps = cast("Generator[DagsterEvent]", inner_plan_execution_iterator(job_context, execution_plan, queue))
            for event in steps:
                yield event
                if event.event_type in STEP_FAILURE_EVENTS and self._is_being_stopped(job_context, event):
                    steps.throw(DagsterExecutionInterruptedError())

    def _is_being_stopped(self, job_context: PlanExecutionContext, event: DagsterEvent) -> bool:
        """Whether the run is being stopped; a library may have turned the signal into an error of its own.

        Dagster retries a step that has a retry policy, also after a signal.
        """
        if event.event_type is DagsterEventType.STEP_UP_FOR_RETRY and is_interruption(event.step_retry_data.error):
            return True
        run = job_context.instance.get_run_by_id(job_context.run_id)
        return bool(self._stop_signal.number) or (run is not None and run.status is DagsterRunStatus.CANCELING)


class PoolQueue(InstanceConcurrencyContext):
    """Pool claims of one run: polls for slots, handles signals while it waits, and logs who holds a slot."""

    def __init__(self, job_context: PlanExecutionContext, home: Path) -> None:
        super().__init__(job_context.instance, job_context.dagster_run)
        self._log, self._home = job_context.log, home
        self._wait_started = self._next_reminder = 0.0
        """Start of the wait and instant of the next log line, in monotonic seconds; 0 while nothing waits."""

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Free all slots of the run: no step goes on after its executor ended."""
        super().__exit__(exc_type, exc_value, traceback)
        self._instance.event_log_storage.free_concurrency_slots_for_run(self._run_id)

    def claim(self, concurrency_key: str, step_key: str, step_priority: int = 0) -> bool:
        """Try to claim the slot of a step; returns whether the step has it."""
        with raise_execution_interrupts():  # raises a signal that arrived while the executor slept
            if self._pending_timeouts.get(step_key, 0.0) > time.time():
                return False
        if super().claim(concurrency_key, step_key, step_priority):
            self._wait_started = self._next_reminder = 0.0
            return True
        fail_orphaned_runs(self._instance, self._home)
        is_first = self._pending_claim_counts[step_key] == 1
        self._pending_timeouts[step_key] = time.time() + (0.0 if is_first else CLAIM_POLL_SECONDS)
        if not is_first:  # at the second attempt, when orphaned runs have released their slots
            self._log_slot_holders(concurrency_key)
        return False

    def interval_to_next_pending_claim_check(self) -> float:
        """Seconds that the executor sleeps between two checks; Dagster's own implementation never sleeps."""
        return SIGNAL_POLL_SECONDS

    def _log_slot_holders(self, pool: str) -> None:
        """Log which run holds the pool and since when: at once, and then once a minute."""
        now = time.monotonic()
        self._wait_started = self._wait_started or now
        if now < self._next_reminder:
            return
        self._next_reminder = now + REMINDER_SECONDS
        info = self._instance.event_log_storage.get_concurrency_info(pool)
        claimed_since = {step.run_id: step.assigned_timestamp for step in info.pending_steps}
        slot_holders = sorted({slot.run_id for slot in info.claimed_slots} - {self._run_id})
        waited = f", for {now - self._wait_started:.0f} s by now" if now > self._wait_started else ""
        for line in [self._describe_slot_holder(run_id, claimed_since.get(run_id)) for run_id in slot_holders] or [
            "a free slot"
        ]:
            self._log.info(f"{WAITING_PREFIX}{line}: pool {pool}{waited}")

    def _describe_slot_holder(self, run_id: str, claimed_at: datetime | None) -> str:
        run = self._instance.get_run_by_id(run_id)
        process = f" (process {run.tags[PROCESS_TAG]})" if run and PROCESS_TAG in run.tags else ""
        return f"run {run_id}{process}" + (f", since {claimed_at.astimezone(UTC):%H:%M:%S} UTC" if claimed_at else "")
