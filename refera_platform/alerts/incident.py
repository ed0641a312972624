"""Faults that have one cause are one incident: eight tables of a server that is down, and what follows from it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from refera_platform.alerts.fault import Fault, Kind

MOST_THINGS = 100
"""Names that an incident remembers."""
MOST_MARKS = 200
"""Days and checks of them that it remembers."""
_ORDER = list(Kind)


@dataclass(frozen=True, kw_only=True)
class Incident:
    """One cause, and all that it struck."""

    key: str
    kind: Kind
    cause: str
    things: tuple[str, ...]
    link: str
    since: datetime
    marks: tuple[str, ...] = ()
    """What exactly is wrong (``Fault.marks``)."""


def group(faults: Iterable[Fault]) -> list[Incident]:
    """The incidents behind some faults, oldest first.

    A check that failed in a run which failed on the same asset, and a table that is overdue because a run failed on
    it, belong to that run's incident.
    """
    found = list(faults)
    runs = [fault for fault in found if fault.kind is Kind.RUN]
    together: dict[str, list[Fault]] = {}
    for fault in found:
        leader = next((run for run in runs if _explains(run, fault)), fault)
        together.setdefault(leader.key, []).append(fault)
    incidents = [_incident(key, members) for key, members in together.items()]
    return sorted(incidents, key=lambda incident: (incident.since, incident.key))


def _explains(run: Fault, fault: Fault) -> bool:
    """Whether a failed run is why the other is wrong."""
    if fault.kind in {Kind.RUN, Kind.REFUSED} or not set(fault.things) <= set(run.things):
        return False
    return fault.kind is Kind.OVERDUE or fault.run_id == run.run_id


def _incident(key: str, members: list[Fault]) -> Incident:
    """One incident of faults of which those with the key tell the cause."""
    tellers = [fault for fault in members if fault.key == key]
    first = min(tellers, key=lambda fault: (_ORDER.index(fault.kind), fault.since))
    newest = max((fault for fault in tellers if fault.kind is first.kind), key=lambda fault: fault.since)
    return Incident(
        key=key,
        kind=first.kind,
        cause=_cause(tellers),
        things=tuple(sorted({thing for fault in members for thing in fault.things})[:MOST_THINGS]),
        link=newest.link,
        since=min(fault.since for fault in members),
        marks=tuple(sorted({mark for fault in members for mark in fault.marks or fault.things})[:MOST_MARKS]),
    )


def _cause(tellers: list[Fault]) -> str:
    """What all of them say; where their numbers and days differ, none of them is told."""
    if len({fault.things for fault in tellers}) == 1:
        return max(tellers, key=lambda fault: fault.since).said
    words = zip(*(fault.unnamed.split() for fault in tellers), strict=True)
    return " ".join(same[0] if len(set(same)) == 1 else "…" for same in words)
