"""Incident: faults of one cause, such as eight tables of a server that is down, and their consequences."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from refera_platform.alerts.fault import Fault, FaultKind

MAX_AFFECTED = 100
"""Most names in an incident."""
MAX_SYMPTOMS = 200
"""Most symptoms in an incident."""
_KIND_ORDER = list(FaultKind)


@dataclass(frozen=True, kw_only=True)
class Incident:
    """One cause, and everything that it affects."""

    fingerprint: str
    kind: FaultKind
    cause: str
    affected: tuple[str, ...]
    link: str
    since: datetime
    symptoms: tuple[str, ...] = ()
    """What exactly is wrong (``Fault.symptoms``)."""


def group_faults(faults: Iterable[Fault]) -> list[Incident]:
    """Group faults into incidents, oldest first.

    A failed check belongs to the incident of its run when that run failed on the same asset. An overdue table belongs
    to the incident of a run that failed on it.
    """
    all_faults = list(faults)
    runs = [fault for fault in all_faults if fault.kind is FaultKind.RUN]
    faults_by_fingerprint: dict[str, list[Fault]] = {}
    for fault in all_faults:
        leader = next((run for run in runs if _is_cause_of(run, fault)), fault)
        faults_by_fingerprint.setdefault(leader.fingerprint, []).append(fault)
    incidents = [_incident(key, members) for key, members in faults_by_fingerprint.items()]
    return sorted(incidents, key=lambda incident: (incident.since, incident.fingerprint))


def _is_cause_of(run: Fault, fault: Fault) -> bool:
    """Whether a failed run is the cause of another fault."""
    if fault.kind in {FaultKind.RUN, FaultKind.REFUSED} or not set(fault.affected) <= set(run.affected):
        return False
    return fault.kind is FaultKind.OVERDUE or fault.run_id == run.run_id


def _incident(fingerprint: str, members: list[Fault]) -> Incident:
    """One incident; the members with its fingerprint are the cause, the others are consequences."""
    cause_faults = [fault for fault in members if fault.fingerprint == fingerprint]
    first = min(cause_faults, key=lambda fault: (_KIND_ORDER.index(fault.kind), fault.since))
    newest = max((fault for fault in cause_faults if fault.kind is first.kind), key=lambda fault: fault.since)
    return Incident(
        fingerprint=fingerprint,
        kind=first.kind,
        cause=_cause(cause_faults),
        affected=tuple(sorted({thing for fault in members for thing in fault.affected})[:MAX_AFFECTED]),
        link=newest.link,
        since=min(fault.since for fault in members),
        symptoms=tuple(sorted({mark for fault in members for mark in fault.symptoms or fault.affected})[:MAX_SYMPTOMS]),
    )


def _cause(cause_faults: list[Fault]) -> str:
    """Words common to all causes; where their numbers and days differ, they are left out."""
    if len({fault.affected for fault in cause_faults}) == 1:
        return max(cause_faults, key=lambda fault: fault.since).shown_cause
    token_groups = zip(*(fault.generic_cause.split() for fault in cause_faults), strict=True)
    return " ".join(same[0] if len(set(same)) == 1 else "…" for same in token_groups)
