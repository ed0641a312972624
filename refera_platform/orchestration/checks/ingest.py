"""What is checked of a raw table with each capture, and how the outcome is told.

Captured ──▶ results() ──▶ one dg.AssetCheckResult for each of specs()
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from refera_platform.ingest.result import Captured
from refera_platform.lake.volume import judged
from refera_platform.orchestration import keys
from refera_platform.orchestration.run_history.failed_steps import FOR_ALERTS
from refera_platform.reconcile.result import OVER, UNSETTLED, Reconciled
from refera_platform.source.table import SourceTable

AGREES = "rows_agree_with_the_source"
VALUES = "values_agree_with_the_source"
TWICE = "no_row_is_there_twice"
COLUMNS = "no_column_is_gone"
SCHEMA = "schema_is_as_before"
VOLUME = "volume_is_as_usual"
DESCRIPTIONS: Mapping[str, str] = {
    AGREES: "The lake's current state has as many rows as the source.",
    VALUES: "The lake holds the source's values: a checksum of each column, made by the server and by DuckDB.",
    TWICE: "No raw row and no key of the current state is there twice.",
    COLUMNS: "The source still has every column of the capture before.",
    SCHEMA: "No column came, and none changed its type.",
    VOLUME: "Each day that is over changed about as many rows as days like it usually do.",
}


def specs(table: SourceTable) -> list[dg.AssetCheckSpec]:
    """The checks of one raw table."""
    return [
        dg.AssetCheckSpec(name, asset=keys.raw(table), description=description)
        for name, description in DESCRIPTIONS.items()
    ]


def results(captured: Captured, *, shows_values: bool) -> list[dg.AssetCheckResult]:
    """What came of each of them.

    Args:
        captured: What came of the capture.
        shows_values: Whether values of rows may be told; Dagster keeps what it is told.
    """
    gone = ", ".join(captured.gone)
    return [
        _result(
            captured,
            AGREES,
            passed=captured.agrees,
            told=_compared(captured),
            metadata={
                "source_rows": "not compared" if captured.source_rows is None else captured.source_rows,
                "lake_rows": captured.lake_rows,
                **({"parents_not_watched": ", ".join(captured.unwatched)} if captured.unwatched else {}),
            },
        ),
        _values(captured, captured.reconciled, shows_values=shows_values),
        _result(captured, TWICE, passed=captured.rows_twice == 0, metadata={"rows_twice": captured.rows_twice}),
        _result(
            captured,
            COLUMNS,
            passed=not captured.gone,
            metadata={"gone": gone},
            told=f"The source has no {gone} any more, or computes it now (generated columns stay behind);"
            " what reads it must change."
            if gone
            else None,
        ),
        _schema(captured),
        _volume(captured),
    ]


def _compared(captured: Captured) -> str | None:
    """What a number of rows cannot tell, and what to do when it differs."""
    address, told = captured.table.address, list[str]()
    if not captured.is_settled:
        told.append(UNSETTLED.why_not)
    elif not captured.agrees:
        told.append(
            f"{address} has {captured.lake_rows} rows in the lake, counted one by one, and {captured.source_rows} at"
            f" the source: `refera verify` names a row, and `refera resnapshot {address}` takes the source's rows."
        )
    elif captured.source_rows is None:
        told.append(captured.reconciled.why_not or OVER.why_not)
    if captured.unwatched:
        told.append(
            f"Rows of {address} go with rows of {', '.join(captured.unwatched)}, whose own parents the account may not"
            " see: what goes with those is not watched. `refera doctor` prints the grant."
        )
    return " ".join(told) or None


def _values(captured: Captured, found: Reconciled, *, shows_values: bool) -> dg.AssetCheckResult:
    first = found.first if shows_values else found.first_place
    told = found.why_not or f"{found.rows} rows of {found.scope} have the same values."
    if found.trouble:
        told = f"The values could not be compared: {found.trouble}"
    elif found.first:
        told = f"{captured.table.address} differs in {found.scope}: {first}."
    metadata: dict[str, Any] = {
        "scope": found.scope,
        "rows_compared": found.rows,
        "columns_compared": len(found.columns),
        "left_out": ", ".join(found.left_out),
        "seconds": round(found.seconds, 3),
    }
    if found.first:
        metadata["first_difference"] = first
    if not found.agrees:
        metadata[FOR_ALERTS] = _values_for_alerts(captured.table.address, found)
    return _result(captured, VALUES, passed=found.agrees, metadata=metadata, told=told)


def _values_for_alerts(address: str, found: Reconciled) -> str:
    """What differs, by the names of key and columns: who is told of an incident need not be who may see a row."""
    if found.trouble:
        return f"The values of {address} could not be compared; why is told with the check."
    where = found.first_columns or "a row differs"
    return f"{address} differs in {found.scope}: {where}; its values are told with the check."


def _schema(captured: Captured) -> dg.AssetCheckResult:
    altered = captured.altered
    return _result(
        captured,
        SCHEMA,
        passed=not altered.told,
        told=altered.told or None,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "added": ", ".join(altered.added),
            "changed": ", ".join(altered.changed),
            "schema_version": captured.state.schema_version,
        },
    )


def _volume(captured: Captured) -> dg.AssetCheckResult:
    """Of each day that the pass filled and that is over; the newest of them is what the numbers tell."""
    days = [judged(captured.volumes, each.day) for each in captured.filled if each.day in captured.volumes]
    odd = [day for day in days if not day.is_usual]
    metadata: dict[str, Any] = {}
    told = "No day that the pass filled is over and holds nothing but changes, so none was judged."
    if days:
        newest = days[-1]
        known = newest.high is not None
        metadata = {"day": str(newest.day), "rows": newest.rows, "days_looked_at": newest.days}
        metadata |= {"usual_low": newest.low, "usual_high": newest.high} if known else {}
        told = newest.told if known else f"{newest.days} days of history are too few to know what is usual."
    if odd:
        told = " ".join(day.told for day in odd)
    return _result(captured, VOLUME, passed=not odd, metadata=metadata, told=told, severity=dg.AssetCheckSeverity.WARN)


def _result(
    captured: Captured,
    name: str,
    *,
    passed: bool,
    metadata: Mapping[str, Any],
    told: str | None = None,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=name,
        asset_key=keys.raw(captured.table),
        passed=passed,
        metadata=metadata,
        description=told,
        severity=severity,
    )
