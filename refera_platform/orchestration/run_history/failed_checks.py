"""Checks whose latest word is an error, as faults. A warning stops no day and wakes nobody.

What a run that still goes on has found is not looked at yet: it may be about to fail for the same reason.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

import dagster as dg
from dagster import AssetCheckEvaluation, DagsterEventType, EventLogEntry, RunsFilter

from refera_platform.alerts.fault import Fault, Kind, mark
from refera_platform.orchestration.checks.standing import FRESH
from refera_platform.orchestration.run_history.failed_days import NO_FAILURE
from refera_platform.orchestration.run_history.failed_steps import FOR_ALERTS
from refera_platform.orchestration.run_history.run_process import NOT_ENDED

MOST_GOING = 500
EARLIER = 10
"""Earlier evaluations that are looked at for one by a run that has ended."""
MOST_DAYS = 50
"""Materialized days that are looked at for whether an overdue one has come."""


def going_now(instance: dg.DagsterInstance) -> set[str]:
    """Runs that have not ended."""
    return {run.run_id for run in instance.get_runs(RunsFilter(statuses=NOT_ENDED), limit=MOST_GOING)}


def faults_of_checks(
    instance: dg.DagsterInstance, checks: Mapping[dg.AssetCheckKey, str], going: set[str]
) -> list[Fault]:
    """What the checks have to say.

    Args:
        instance: Dagster's history.
        checks: The checks that exist, each with what it promises.
        going: Runs whose findings are not final.
    """
    # what the failed run itself is told of is not told once more by the check that remembers it
    checks = {key: promise for key, promise in checks.items() if key.name != NO_FAILURE}
    latest = instance.event_log_storage.get_latest_asset_check_execution_by_key(list(checks))
    found = []
    for key, record in latest.items():
        entry = record.event
        if key not in checks:  # any asset with any name was asked for, so that strangers may be among them
            continue
        if not _is_settled(entry, going):
            # a run that failed early leaves its checks planned; Dagster's type of a status is not public
            evaluated = {status for status in type(record.status) if status.value != "PLANNED"}
            history = instance.event_log_storage.get_asset_check_execution_history(key, limit=EARLIER, status=evaluated)
            entry = next((each.event for each in history if _is_settled(each.event, going)), None)
        if entry and (evaluation := _evaluation(entry)) and _is_error(evaluation):
            fault = _fault(key, evaluation, entry, checks[key])
            if fault.kind is not Kind.OVERDUE or not _has_come(instance, evaluation, entry):
                found.append(fault)
    return sorted(found, key=lambda fault: (fault.things, fault.link))


def _evaluation(entry: EventLogEntry | None) -> AssetCheckEvaluation | None:
    """What a check found; nothing of one that was only planned."""
    event = entry.dagster_event if entry else None
    if event and event.event_type is DagsterEventType.ASSET_CHECK_EVALUATION:
        return event.asset_check_evaluation_data
    return None


def _is_settled(entry: EventLogEntry | None, going: set[str]) -> bool:
    return entry is not None and _evaluation(entry) is not None and entry.run_id not in going


def _is_error(evaluation: AssetCheckEvaluation) -> bool:
    return not evaluation.passed and evaluation.severity is dg.AssetCheckSeverity.ERROR


def _fault(key: dg.AssetCheckKey, evaluation: AssetCheckEvaluation, entry: EventLogEntry, promise: str) -> Fault:
    path = "/".join(quote(part, safe="") for part in key.asset_key.path)
    told = evaluation.metadata.get(FOR_ALERTS)
    own = evaluation.description or f"Check {key.name} failed: {promise or 'it says no more.'}"
    return Fault(
        kind=Kind.OVERDUE if key.name == FRESH else Kind.CHECK,
        cause=str(told.value) if told else own,
        things=(key.asset_key.to_user_string(),),
        link=f"/assets/{path}?{urlencode({'view': 'checks', 'checkDetail': key.name})}",
        since=datetime.fromtimestamp(entry.timestamp, UTC),
        run_id=entry.run_id,
        marks=(mark(key.asset_key.to_user_string(), key.name),),
    )


def _has_come(instance: dg.DagsterInstance, evaluation: AssetCheckEvaluation, entry: EventLogEntry) -> bool:
    """Whether the day that was missing has been captured since: the check itself looks every hour only."""
    due = evaluation.metadata.get("due")
    later = dg.AssetRecordsFilter(asset_key=evaluation.asset_key, after_timestamp=entry.timestamp)
    records = instance.fetch_materializations(later, limit=MOST_DAYS).records
    return due is not None and any((record.partition_key or "") >= str(due.value) for record in records)
