"""Names of Dagster that it does not export, and why each is used. Nothing else here imports from ``dagster._…``.

A release of Dagster may move or change them without notice; a test names what moved.

- ``InMemoryJob``, ``core_execute_in_process``: run a job in this process with its run id and our executor.
  ``JobDefinition.execute_in_process`` replaces the executor; ``execute_job`` draws a run id of its own, and wants a job
  that another process can import, which a stage made by a test is not.
- ``InstanceConcurrencyContext``: the wait for a pool. No setting makes Dagster's own wait sleep, or name the holder.
- ``ExecuteRunWithPlanIterable``, ``PlanExecutionContextManager``, ``inner_plan_execution_iterator``: what
  ``in_process_executor`` does, which has no parameter for that context.
- ``PlanExecutionContext``, ``PlanOrchestrationContext``, ``ExecutionPlan``, ``RetryMode``: types of the public
  ``dg.Executor`` that are not exported with it.
- ``raise_execution_interrupts``: while Dagster executes, a signal is raised only at such a point.
- ``SqliteEventLogStorage``: the storage that ``dagster.yaml`` names when it names none; ``EventLog`` is one.
- ``InstanceRef``: opens an instance with a setting that is not in its file. ``DagsterInstance.from_config`` reads the
  file alone.
- ``NoOpComputeLogManager``: a class that ``dagster.yaml`` may name; Dagster's own pages name it by this module.
"""

from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.errors import raise_execution_interrupts
from dagster._core.execution.api import ExecuteRunWithPlanIterable
from dagster._core.execution.context.system import PlanExecutionContext, PlanOrchestrationContext
from dagster._core.execution.context_creation_job import PlanExecutionContextManager
from dagster._core.execution.execute_in_process import core_execute_in_process
from dagster._core.execution.plan.execute_plan import inner_plan_execution_iterator
from dagster._core.execution.plan.instance_concurrency_context import InstanceConcurrencyContext
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.retries import RetryMode
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.noop_compute_log_manager import NoOpComputeLogManager

__all__ = [
    "ExecuteRunWithPlanIterable",
    "ExecutionPlan",
    "InMemoryJob",
    "InstanceConcurrencyContext",
    "InstanceRef",
    "NoOpComputeLogManager",
    "PlanExecutionContext",
    "PlanExecutionContextManager",
    "PlanOrchestrationContext",
    "RetryMode",
    "SqliteEventLogStorage",
    "core_execute_in_process",
    "inner_plan_execution_iterator",
    "raise_execution_interrupts",
]
