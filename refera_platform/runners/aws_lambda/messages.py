"""What came of a capture, as JSON: what a function says is what the process that called it knows.

Captured | Refused | InPieces ──▶ told() ──▶ JSON ──▶ heard() ──▶ the same

The days that a table has are left out: whoever hears reads them from the lake.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any

from refera_platform import errors
from refera_platform.doctor.log_retention import Runway
from refera_platform.doctor.preflight import Diagnosis
from refera_platform.errors import LakeError, ReferaError
from refera_platform.ingest.result import Captured, Filled, Refused
from refera_platform.ingest.snapshot.chunks import InPieces
from refera_platform.lake.object_state import RawState
from refera_platform.lake.schema_drift import Altered
from refera_platform.reconcile.result import Reconciled
from refera_platform.source.doctor.finding import Finding, Verdict
from refera_platform.source.table import SourceTable

Came = Captured | Refused | InPieces
CAPTURED, REFUSED, IN_PIECES = "captured", "refused", "in_pieces"


def told(came: Came) -> dict[str, Any]:
    """The JSON object that says what came of one table."""
    match came:
        case Captured():
            return {"came": CAPTURED, "table": came.table.address, **_captured(came)}
        case Refused():
            return {"came": REFUSED, "table": came.table.address, "trouble": trouble_told(came.trouble)}
        case InPieces():
            return {
                "came": IN_PIECES,
                "table": came.table.address,
                "plan": came.plan,
                "missing": list(came.missing),
                "count": came.count,
            }


def heard(said: Mapping[str, Any], tables: Mapping[str, SourceTable]) -> Came:
    """What a JSON object says.

    Args:
        said: What ``told`` made.
        tables: The tables that were asked for, by address.

    Raises:
        LakeError: for something else.
    """
    try:
        table = tables[said["table"]]
        if said["came"] == REFUSED:
            return Refused(table=table, trouble=trouble_heard(said["trouble"]))
        if said["came"] == IN_PIECES:
            missing = tuple(int(number) for number in said["missing"])
            return InPieces(table=table, plan=str(said["plan"]), missing=missing, count=int(said["count"]))
        if said["came"] == CAPTURED:
            return _heard_captured(said, table)
    except (KeyError, TypeError, ValueError) as trouble:
        raise _not_understood(said) from trouble
    raise _not_understood(said)


def trouble_told(trouble: ReferaError) -> dict[str, Any]:
    """An error as JSON."""
    return {
        "kind": type(trouble).__name__,
        "problem": trouble.problem,
        "remedy": trouble.remedy,
        "passing": trouble.passing,
        "public": trouble.public,
    }


def trouble_heard(said: Mapping[str, Any]) -> ReferaError:
    """The error again, of its own kind."""
    kind = getattr(errors, str(said["kind"]), ReferaError)
    of_ours = kind if isinstance(kind, type) and issubclass(kind, ReferaError) else ReferaError
    return of_ours(
        str(said["problem"]),
        str(said["remedy"]),
        passing=bool(said["passing"]),
        public=str(said.get("public", "")),
    )


def diagnosis_told(found: Diagnosis) -> dict[str, Any]:
    """A diagnosis as JSON."""
    return {
        "findings": [
            {"about": each.about, "verdict": each.verdict.value, "found": each.found, "remedy": each.remedy}
            for each in found.findings
        ],
        "grants": {database: list(statements) for database, statements in found.grants.items()},
    }


def diagnosis_heard(said: Mapping[str, Any]) -> Diagnosis:
    """The diagnosis again.

    Raises:
        LakeError: for something else.
    """
    try:
        findings = [Finding(**{**each, "verdict": Verdict(each["verdict"])}) for each in said["findings"]]
        return Diagnosis(findings=findings, grants=dict(said["grants"]))
    except (KeyError, TypeError, ValueError) as trouble:
        raise _not_understood(said) from trouble


def runway_told(found: Runway) -> dict[str, Any]:
    """A runway as JSON."""
    return {
        "was_read": found.was_read,
        "left": found.left.total_seconds() if found.left is not None else None,
        "trouble": trouble_told(found.trouble) if found.trouble else None,
    }


def runway_heard(said: Mapping[str, Any]) -> Runway:
    """The runway again.

    Raises:
        LakeError: for something else.
    """
    try:
        left, trouble = said["left"], said["trouble"]
        return Runway(
            was_read=bool(said["was_read"]),
            left=None if left is None else timedelta(seconds=left),
            trouble=trouble_heard(trouble) if trouble else None,
        )
    except (KeyError, TypeError) as trouble:
        raise _not_understood(said) from trouble


def _captured(came: Captured) -> dict[str, Any]:
    return {
        "filled": [
            {
                "day": filled.day.isoformat(),
                "state": json.loads(filled.state.to_json()),
                "url": filled.url,
                "added": dict(filled.added),
                "bytes": filled.bytes,
            }
            for filled in came.filled
        ],
        "altered": asdict(came.altered),
        "volumes": {day.isoformat(): rows for day, rows in came.volumes.items()},
        "unseen": [day.isoformat() for day in came.unseen],
        "kept": [day.isoformat() for day in came.kept],
        "source_rows": came.source_rows,
        "lake_rows": came.lake_rows,
        "rows_twice": came.rows_twice,
        "reconciled": asdict(came.reconciled),
        "seconds": came.seconds,
        "is_settled": came.is_settled,
        "unwatched": list(came.unwatched),
    }


def _heard_captured(said: Mapping[str, Any], table: SourceTable) -> Captured:
    filled = tuple(
        Filled(
            day=date.fromisoformat(each["day"]),
            state=RawState.from_json(json.dumps(each["state"]), each["url"]),
            added=each["added"],
            bytes=each["bytes"],
            url=each["url"],
        )
        for each in said["filled"]
    )
    compared: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in said["reconciled"].items()
    }
    return Captured(
        table=table,
        filled=filled,
        altered=Altered(**{name: tuple(columns) for name, columns in said["altered"].items()}),
        volumes={date.fromisoformat(day): rows for day, rows in said["volumes"].items()},
        unseen=_days(said["unseen"]),
        kept=_days(said["kept"]),
        source_rows=said["source_rows"],
        lake_rows=said["lake_rows"],
        rows_twice=said["rows_twice"],
        reconciled=Reconciled(**compared),
        seconds=said["seconds"],
        is_settled=said["is_settled"],
        unwatched=tuple(said["unwatched"]),
    )


def _days(said: list[str]) -> tuple[date, ...]:
    return tuple(date.fromisoformat(day) for day in said)


def _not_understood(said: Mapping[str, Any]) -> LakeError:
    return LakeError(
        f"The function said something that this version does not understand ({sorted(said)[:9]}):",
        "let the function and this process run the same version.",
    )
