"""JSON messages between the Lambda function and its caller: table results, errors, diagnoses, log retention.

IngestResult | IngestFailure | PendingChunks ──▶ result_to_json() ──▶ JSON ──▶ result_from_json() ──▶ the same

Leaves out the days that a table has in the lake: the receiver reads them from there. Sends nothing: ``listener`` does.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any

from refera_platform import errors
from refera_platform.doctor.log_retention import LogRetention
from refera_platform.doctor.preflight import Diagnosis
from refera_platform.errors import LakeError, ReferaError
from refera_platform.ingest.result import IngestedDay, IngestFailure, IngestResult
from refera_platform.ingest.snapshot.chunks import PendingChunks
from refera_platform.lake.object_state import RawState
from refera_platform.lake.schema_drift import SchemaChange
from refera_platform.reconcile.result import ReconcileResult
from refera_platform.source.doctor.finding import Finding, Verdict
from refera_platform.source.table import SourceTable

TableResult = IngestResult | IngestFailure | PendingChunks
INGESTED_RESULT, REFUSED_RESULT, CHUNKED_RESULT = "captured", "refused", "in_pieces"


def result_to_json(table_result: TableResult) -> dict[str, Any]:
    """Encode the result of one table."""
    match table_result:
        case IngestResult():
            return {
                "came": INGESTED_RESULT,
                "table": table_result.table.address,
                **_ingest_result_to_json(table_result),
            }
        case IngestFailure():
            return {
                "came": REFUSED_RESULT,
                "table": table_result.table.address,
                "trouble": error_to_json(table_result.error),
            }
        case PendingChunks():
            return {
                "came": CHUNKED_RESULT,
                "table": table_result.table.address,
                "plan": table_result.plan_id,
                "missing": list(table_result.missing_numbers),
                "count": table_result.chunk_count,
            }


def result_from_json(content: Mapping[str, Any], tables: Mapping[str, SourceTable]) -> TableResult:
    """Decode the result of one table.

    Args:
        content: Output of ``result_to_json``.
        tables: The requested tables, by address.

    Raises:
        LakeError: when the content is something else.
    """
    try:
        table = tables[content["table"]]
        if content["came"] == REFUSED_RESULT:
            return IngestFailure(table=table, error=error_from_json(content["trouble"]))
        if content["came"] == CHUNKED_RESULT:
            missing = tuple(int(number) for number in content["missing"])
            return PendingChunks(
                table=table, plan_id=str(content["plan"]), missing_numbers=missing, chunk_count=int(content["count"])
            )
        if content["came"] == INGESTED_RESULT:
            return _ingest_result_from_json(content, table)
    except (KeyError, TypeError, ValueError) as error:
        raise _unknown_message_error(content) from error
    raise _unknown_message_error(content)


def error_to_json(error: ReferaError) -> dict[str, Any]:
    """Encode an error."""
    return {
        "kind": type(error).__name__,
        "problem": error.problem,
        "remedy": error.remedy,
        "passing": error.is_transient,
        "public": error.public_problem,
    }


def error_from_json(content: Mapping[str, Any]) -> ReferaError:
    """Decode an error, as an instance of its own class."""
    error_class = getattr(errors, str(content["kind"]), ReferaError)
    own_class = error_class if isinstance(error_class, type) and issubclass(error_class, ReferaError) else ReferaError
    return own_class(
        str(content["problem"]),
        str(content["remedy"]),
        is_transient=bool(content["passing"]),
        public_problem=str(content.get("public", "")),
    )


def diagnosis_to_json(diagnosis: Diagnosis) -> dict[str, Any]:
    """Encode a diagnosis."""
    return {
        "findings": [
            {"about": each.about, "verdict": each.verdict.value, "found": each.found, "remedy": each.remedy}
            for each in diagnosis.findings
        ],
        "grants": {database: list(grants) for database, grants in diagnosis.grants.items()},
    }


def diagnosis_from_json(content: Mapping[str, Any]) -> Diagnosis:
    """Decode a diagnosis.

    Raises:
        LakeError: when the content is something else.
    """
    try:
        findings = [Finding(**{**each, "verdict": Verdict(each["verdict"])}) for each in content["findings"]]
        return Diagnosis(findings=findings, grants=dict(content["grants"]))
    except (KeyError, TypeError, ValueError) as error:
        raise _unknown_message_error(content) from error


def retention_to_json(retention: LogRetention) -> dict[str, Any]:
    """Encode a log retention."""
    return {
        "was_read": retention.has_read_log,
        "left": retention.remaining.total_seconds() if retention.remaining is not None else None,
        "trouble": error_to_json(retention.error) if retention.error else None,
    }


def retention_from_json(content: Mapping[str, Any]) -> LogRetention:
    """Decode a log retention.

    Raises:
        LakeError: when the content is something else.
    """
    try:
        seconds_left, error = content["left"], content["trouble"]
        return LogRetention(
            has_read_log=bool(content["was_read"]),
            remaining=None if seconds_left is None else timedelta(seconds=seconds_left),
            error=error_from_json(error) if error else None,
        )
    except (KeyError, TypeError) as error:
        raise _unknown_message_error(content) from error


def _ingest_result_to_json(ingested: IngestResult) -> dict[str, Any]:
    return {
        "filled": [
            {
                "day": filled.day.isoformat(),
                "state": json.loads(filled.state.to_json()),
                "url": filled.url,
                "added": dict(filled.added),
                "bytes": filled.size_bytes,
            }
            for filled in ingested.ingested_days
        ],
        "altered": asdict(ingested.schema_change),
        "volumes": {day.isoformat(): rows for day, rows in ingested.changed_rows_by_day.items()},
        "unseen": [day.isoformat() for day in ingested.unseen_days],
        "kept": [day.isoformat() for day in ingested.unchanged_days],
        "source_rows": ingested.source_rows,
        "lake_rows": ingested.lake_rows,
        "rows_twice": ingested.duplicate_rows,
        "reconciled": _reconcile_result_to_json(ingested.reconcile_result),
        "seconds": ingested.seconds,
        "is_settled": ingested.is_settled,
        "unwatched": list(ingested.unreadable_parents),
    }


def _ingest_result_from_json(content: Mapping[str, Any], table: SourceTable) -> IngestResult:
    filled = tuple(
        IngestedDay(
            day=date.fromisoformat(each["day"]),
            state=RawState.from_json(json.dumps(each["state"]), each["url"]),
            added=each["added"],
            size_bytes=each["bytes"],
            url=each["url"],
        )
        for each in content["filled"]
    )
    return IngestResult(
        table=table,
        ingested_days=filled,
        schema_change=SchemaChange(**{name: tuple(columns) for name, columns in content["altered"].items()}),
        changed_rows_by_day={date.fromisoformat(day): rows for day, rows in content["volumes"].items()},
        unseen_days=_days_from_json(content["unseen"]),
        unchanged_days=_days_from_json(content["kept"]),
        source_rows=content["source_rows"],
        lake_rows=content["lake_rows"],
        duplicate_rows=content["rows_twice"],
        reconcile_result=_reconcile_result_from_json(content["reconciled"]),
        seconds=content["seconds"],
        is_settled=content["is_settled"],
        unreadable_parents=tuple(content["unwatched"]),
    )


def _reconcile_result_to_json(result: ReconcileResult) -> dict[str, Any]:
    """The fields by their names, but for the error, whose key is what deployed versions read."""
    content = asdict(result)
    content["trouble"] = content.pop("error")
    return content


def _reconcile_result_from_json(content: Mapping[str, Any]) -> ReconcileResult:
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in content.items()
    }
    error = values.pop("trouble")
    return ReconcileResult(**values, error=error)


def _days_from_json(texts: list[str]) -> tuple[date, ...]:
    return tuple(date.fromisoformat(day) for day in texts)


def _unknown_message_error(content: Mapping[str, Any]) -> LakeError:
    return LakeError(
        f"The function sent a message that this version does not understand ({sorted(content)[:9]}):",
        "let the function and this process run the same version.",
    )
