"""Asset checks of each ingest run: specs of a raw table's checks, and their results from an ``IngestResult``.

IngestResult ──▶ ingest_check_results() ──▶ one dg.AssetCheckResult for each of ingest_check_specs()

Compares nothing itself: ``ingest`` and ``reconcile`` do. ``checks.hourly`` has the checks that run every hour.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from refera_platform.ingest.result import IngestResult
from refera_platform.lake.volume import judge_volume
from refera_platform.orchestration import keys
from refera_platform.orchestration.run_history.failed_steps import FOR_ALERTS_KEY
from refera_platform.reconcile.result import NOT_COMPARED_DAY_OVER, NOT_COMPARED_UNSETTLED, ReconcileResult
from refera_platform.source.table import SourceTable

ROW_COUNT_CHECK = "rows_agree_with_the_source"
VALUES_CHECK = "values_agree_with_the_source"
DUPLICATES_CHECK = "no_row_is_there_twice"
COLUMNS_CHECK = "no_column_is_gone"
SCHEMA_CHECK = "schema_is_as_before"
VOLUME_CHECK = "volume_is_as_usual"
DESCRIPTIONS: Mapping[str, str] = {
    ROW_COUNT_CHECK: "The lake's current state has as many rows as the source.",
    VALUES_CHECK: "The lake holds the source's values: a checksum of each column, made by the server and by DuckDB.",
    DUPLICATES_CHECK: "No raw row and no key of the current state exists twice.",
    COLUMNS_CHECK: "The source still has every column of the previous capture.",
    SCHEMA_CHECK: "No column was added, and none changed its type.",
    VOLUME_CHECK: "Each day that is over changed about as many rows as days like it usually do.",
}


WARNING_CHECKS = frozenset({SCHEMA_CHECK, VOLUME_CHECK})
"""Checks that stop nothing when they fail."""


def ingest_check_specs(table: SourceTable) -> list[dg.AssetCheckSpec]:
    """Specs of the checks of one raw table."""
    return [
        dg.AssetCheckSpec(name, asset=keys.raw_table_key(table), description=description)
        for name, description in DESCRIPTIONS.items()
    ]


def ingest_check_results(ingested: IngestResult, *, shows_values: bool) -> list[dg.AssetCheckResult]:
    """Results of all checks of one ingested table.

    Args:
        ingested: Result of the ingest run.
        shows_values: Whether descriptions may contain values of rows; Dagster keeps them in its event log.
    """
    dropped_columns = ", ".join(ingested.removed_columns)
    return [
        _check_result(
            ingested,
            ROW_COUNT_CHECK,
            passed=ingested.agrees,
            description=_row_count_description(ingested),
            metadata={
                "source_rows": "not compared" if ingested.source_rows is None else ingested.source_rows,
                "lake_rows": ingested.lake_rows,
                **(
                    {"parents_not_watched": ", ".join(ingested.unreadable_parents)}
                    if ingested.unreadable_parents
                    else {}
                ),
            },
        ),
        _values_check(ingested, ingested.reconcile_result, shows_values=shows_values),
        _check_result(
            ingested,
            DUPLICATES_CHECK,
            passed=ingested.duplicate_rows == 0,
            metadata={"rows_twice": ingested.duplicate_rows},
        ),
        _check_result(
            ingested,
            COLUMNS_CHECK,
            passed=not ingested.removed_columns,
            metadata={"gone": dropped_columns},
            description=f"The source no longer has {dropped_columns}, or computes it now (generated columns are not"
            " copied); what reads it must change."
            if dropped_columns
            else None,
        ),
        _schema_check(ingested),
        _volume_check(ingested),
    ]


def _row_count_description(ingested: IngestResult) -> str | None:
    """Say why rows could not be counted or compared, and what to do when the counts differ."""
    address, sentences = ingested.table.address, list[str]()
    if not ingested.is_settled:
        sentences.append(NOT_COMPARED_UNSETTLED.why_not)
    elif not ingested.agrees:
        sentences.append(
            f"{address} has {ingested.lake_rows} rows in the lake, counted one by one, and {ingested.source_rows} at"
            f" the source: `refera verify` names a row, and `refera resnapshot {address}` takes the source's rows."
        )
    elif ingested.source_rows is None:
        sentences.append(ingested.reconcile_result.why_not or NOT_COMPARED_DAY_OVER.why_not)
    if ingested.unreadable_parents:
        sentences.append(
            f"Rows of {address} are changed or deleted with rows of {', '.join(ingested.unreadable_parents)}, whose own"
            " parents the account may not see: changes that cascade from those are not detected. `refera doctor` prints"
            " the grant."
        )
    return " ".join(sentences) or None


def _values_check(
    ingested: IngestResult, reconciliation: ReconcileResult, *, shows_values: bool
) -> dg.AssetCheckResult:
    first_difference = reconciliation.first if shows_values else reconciliation.first_place
    description = (
        reconciliation.why_not or f"{reconciliation.rows} rows of {reconciliation.scope} have the same values."
    )
    if reconciliation.error:
        description = f"The values could not be compared: {reconciliation.error}"
    elif reconciliation.first:
        description = f"{ingested.table.address} differs in {reconciliation.scope}: {first_difference}."
    metadata: dict[str, Any] = {
        "scope": reconciliation.scope,
        "rows_compared": reconciliation.rows,
        "columns_compared": len(reconciliation.columns),
        "left_out": ", ".join(reconciliation.left_out),
        "seconds": round(reconciliation.seconds, 3),
    }
    if reconciliation.first:
        metadata["first_difference"] = first_difference
    if not reconciliation.agrees:
        metadata[FOR_ALERTS_KEY] = _values_alert_text(ingested.table.address, reconciliation)
    return _check_result(
        ingested, VALUES_CHECK, passed=reconciliation.agrees, metadata=metadata, description=description
    )


def _values_alert_text(address: str, reconciliation: ReconcileResult) -> str:
    """Text for alerts: names of keys and columns only. Whoever receives alerts may not be allowed to see rows."""
    if reconciliation.error:
        return f"The values of {address} could not be compared; the check says why."
    differing_columns = reconciliation.first_columns or "a row differs"
    return f"{address} differs in {reconciliation.scope}: {differing_columns}; its values are in the check."


def _schema_check(ingested: IngestResult) -> dg.AssetCheckResult:
    schema_change = ingested.schema_change
    return _check_result(
        ingested,
        SCHEMA_CHECK,
        passed=not schema_change.description,
        description=schema_change.description or None,
        metadata={
            "added": ", ".join(schema_change.added),
            "changed": ", ".join(schema_change.changed),
            "schema_version": ingested.state.schema_version,
        },
    )


def _volume_check(ingested: IngestResult) -> dg.AssetCheckResult:
    """Judge each ended day that the ingest run filled; the metadata are those of the newest one."""
    days = [
        judge_volume(ingested.changed_rows_by_day, each.day)
        for each in ingested.ingested_days
        if each.day in ingested.changed_rows_by_day
    ]
    unusual_days = [day for day in days if not day.is_usual]
    metadata: dict[str, Any] = {}
    description = "No day that the run filled is over and holds nothing but changes, so none was judged."
    if days:
        newest = days[-1]
        has_usual_range = newest.usual_max_rows is not None
        metadata = {"day": str(newest.day), "rows": newest.rows, "days_looked_at": newest.compared_day_count}
        metadata |= {"usual_low": newest.usual_min_rows, "usual_high": newest.usual_max_rows} if has_usual_range else {}
        description = (
            newest.description
            if has_usual_range
            else f"{newest.compared_day_count} days of history are too few to know what is usual."
        )
    if unusual_days:
        description = " ".join(day.description for day in unusual_days)
    return _check_result(
        ingested,
        VOLUME_CHECK,
        passed=not unusual_days,
        metadata=metadata,
        description=description,
    )


def _check_result(
    ingested: IngestResult,
    name: str,
    *,
    passed: bool,
    metadata: Mapping[str, Any],
    description: str | None = None,
) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=name,
        asset_key=keys.raw_table_key(ingested.table),
        passed=passed,
        metadata=metadata,
        description=description,
        severity=dg.AssetCheckSeverity.WARN if name in WARNING_CHECKS else dg.AssetCheckSeverity.ERROR,
    )
