"""Faults that have one cause are one incident: eight tables of a server that is down, and what follows from it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from refera_platform.alerts.fault import Fault, FaultKind

MAX_AFFECTED = 100
"""Names that an incident remembers."""
MAX_SYMPTOMS = 200
"""Days and checks of them that it remembers."""
_KIND_ORDER = list(FaultKind)


@dataclass(frozen=True, kw_only=True)
class Incident:
    """One cause, and all that it struck."""

    fingerprint: str
    kind: FaultKind
    cause: str
    affected: tuple[str, ...]
    link: str
    since: datetime
    symptoms: tuple[str, ...] = ()
    """What exactly is wrong (``Fault.marks``)."""


def group_faults(faults: Iterable[Fault]) -> list[Incident]:
    """The incidents behind some faults, oldest first.

    A check that failed in a run which failed on the same asset, and a table that is overdue because a run failed on
    it, belong to that run's incident.
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
    """Whether a failed run is why the other is wrong."""
    if fault.kind in {FaultKind.RUN, FaultKind.REFUSED} or not set(fault.affected) <= set(run.affected):
        return False
    return fault.kind is FaultKind.OVERDUE or fault.run_id == run.run_id


def _incident(fingerprint: str, members: list[Fault]) -> Incident:
    """One incident of faults of which those with the key tell the cause."""
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
    """What all of them say; where their numbers and days differ, none of them is told."""
    if len({fault.affected for fault in cause_faults}) == 1:
        return max(cause_faults, key=lambda fault: fault.since).shown_cause
    token_groups = zip(*(fault.generic_cause.split() for fault in cause_faults), strict=True)
    return " ".join(same[0] if len(set(same)) == 1 else "…" for same in token_groups)
