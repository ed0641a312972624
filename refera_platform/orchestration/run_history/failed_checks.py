"""Faults from asset checks: checks whose latest evaluation is an error. Warnings are no faults.

Evaluations of an active run are skipped: the run may still fail for the same reason, and then its failure is the fault.
``failed_runs`` has the faults of runs; ``orchestration.alerts`` calls both.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

import dagster as dg
from dagster import AssetCheckEvaluation, DagsterEventType, EventLogEntry, RunsFilter

from refera_platform.alerts.fault import Fault, FaultKind, symptom
from refera_platform.orchestration.checks.hourly import NEWEST_DAY_CHECK
from refera_platform.orchestration.run_history.failed_days import NO_FAILED_DAY_CHECK
from refera_platform.orchestration.run_history.failed_steps import FOR_ALERTS_KEY
from refera_platform.orchestration.run_history.run_process import ACTIVE_STATUSES

MAX_ACTIVE_RUNS = 500
MAX_EARLIER_EVALUATIONS = 10
"""Earlier evaluations that are searched for one by an ended run."""
MAX_MATERIALIZED_DAYS = 50
"""Materializations that are searched for the due day of an overdue table."""


def active_run_ids(instance: dg.DagsterInstance) -> set[str]:
    """Runs that have not ended."""
    return {run.run_id for run in instance.get_runs(RunsFilter(statuses=ACTIVE_STATUSES), limit=MAX_ACTIVE_RUNS)}


def find_check_faults(
    instance: dg.DagsterInstance, checks: Mapping[dg.AssetCheckKey, str], active_ids: set[str]
) -> list[Fault]:
    """Faults of all checks whose latest settled evaluation is an error.

    Args:
        instance: Dagster's instance.
        checks: The existing checks with their descriptions.
        active_ids: Runs whose evaluations are not final.
    """
    # alerts report the failed run itself, so the check that remembers failed days would only repeat it
    checks = {key: promise for key, promise in checks.items() if key.name != NO_FAILED_DAY_CHECK}
    latest = instance.event_log_storage.get_latest_asset_check_execution_by_key(list(checks))
    faults = []
    for key, record in latest.items():
        entry = record.event
        if key not in checks:  # checks were queried for all assets, which may include assets of other code locations
            continue
        if not _is_settled(entry, active_ids):
            # a run that failed early leaves its checks planned; Dagster's type of a status is not public
            evaluated = {status for status in type(record.status) if status.value != "PLANNED"}
            history = instance.event_log_storage.get_asset_check_execution_history(
                key, limit=MAX_EARLIER_EVALUATIONS, status=evaluated
            )
            entry = next((each.event for each in history if _is_settled(each.event, active_ids)), None)
        if entry and (evaluation := _evaluation(entry)) and _is_error(evaluation):
            fault = _check_fault(key, evaluation, entry, checks[key])
            if fault.kind is not FaultKind.OVERDUE or not _is_materialized_since(instance, evaluation, entry):
                faults.append(fault)
    return sorted(faults, key=lambda fault: (fault.affected, fault.link))


def _evaluation(entry: EventLogEntry | None) -> AssetCheckEvaluation | None:
    """Evaluation of a check; ``None`` when it was only planned."""
    event = entry.dagster_event if entry else None
    if event and event.event_type is DagsterEventType.ASSET_CHECK_EVALUATION:
        return event.asset_check_evaluation_data
    return None


def _is_settled(entry: EventLogEntry | None, active_ids: set[str]) -> bool:
    return entry is not None and _evaluation(entry) is not None and entry.run_id not in active_ids


def _is_error(evaluation: AssetCheckEvaluation) -> bool:
    return not evaluation.passed and evaluation.severity is dg.AssetCheckSeverity.ERROR


def _check_fault(key: dg.AssetCheckKey, evaluation: AssetCheckEvaluation, entry: EventLogEntry, promise: str) -> Fault:
    path = "/".join(quote(part, safe="") for part in key.asset_key.path)
    alert_text = evaluation.metadata.get(FOR_ALERTS_KEY)
    description = evaluation.description or f"Check {key.name} failed: {promise or 'it has no description.'}"
    return Fault(
        kind=FaultKind.OVERDUE if key.name == NEWEST_DAY_CHECK else FaultKind.CHECK,
        cause=str(alert_text.value) if alert_text else description,
        affected=(key.asset_key.to_user_string(),),
        link=f"/assets/{path}?{urlencode({'view': 'checks', 'checkDetail': key.name})}",
        since=datetime.fromtimestamp(entry.timestamp, UTC),
        run_id=entry.run_id,
        symptoms=(symptom(key.asset_key.to_user_string(), key.name),),
    )


def _is_materialized_since(
    instance: dg.DagsterInstance, evaluation: AssetCheckEvaluation, entry: EventLogEntry
) -> bool:
    """Whether the due day was ingested after the evaluation; the check itself runs only once an hour."""
    due = evaluation.metadata.get("due")
    later_materializations = dg.AssetRecordsFilter(asset_key=evaluation.asset_key, after_timestamp=entry.timestamp)
    records = instance.fetch_materializations(later_materializations, limit=MAX_MATERIALIZED_DAYS).records
    return due is not None and any((record.partition_key or "") >= str(due.value) for record in records)
