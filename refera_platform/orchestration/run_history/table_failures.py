"""Failure of a step in which tables failed: one sentence for each cause, with the tables that it concerns.

IngestFailure of each table ──▶ failure_for_tables() ──▶ dg.Failure (reasons as metadata, which ``failed_steps`` reads)
"""

from collections.abc import Mapping, Sequence

import dagster as dg

from refera_platform.errors import DayRefused, UnavailableDayError
from refera_platform.ingest.result import IngestFailure
from refera_platform.orchestration import keys
from refera_platform.orchestration.run_history.failed_steps import FOR_ALERTS_KEY, MAY_SUCCEED_KEY, REASONS_KEY
from refera_platform.source.table import SourceTable


def failure_for_tables(ingest_failures: Sequence[IngestFailure]) -> dg.Failure:
    """One failure for all tables, with one sentence for each cause; Dagster retries only transient errors."""
    reasons: dict[str, list[tuple[SourceTable, str]]] = {}
    final_causes = set[str]()
    for ingest_failure in ingest_failures:
        description = str(ingest_failure.error)
        shared = _without_table_name(description, ingest_failure.table)
        reasons.setdefault(shared, []).append((ingest_failure.table, description))
        final_causes |= {shared} if isinstance(ingest_failure.error, UnavailableDayError) else set()
    description = " | ".join(
        members[0][1] if len(members) == 1 else f"{', '.join(table.name for table, _ in members)}: {shared}"
        for shared, members in reasons.items()
    )
    alert_texts = {ingest_failure.table: ingest_failure.error.public_message for ingest_failure in ingest_failures}
    reason_metadata = [
        {
            "cause": members[0][1] if len(members) == 1 else shared,
            FOR_ALERTS_KEY: _alert_text(alert_texts, [table for table, _ in members]),
            "assets": [keys.raw_table_key(table).to_user_string() for table, _ in members],
            "is_final": shared in final_causes,
        }
        for shared, members in reasons.items()
    ]
    # DayRefused is a rule, so the same run fails again; any other error may be gone at the next attempt
    may_succeed = any(not isinstance(ingest_failure.error, DayRefused) for ingest_failure in ingest_failures)
    return dg.Failure(
        description,
        metadata={REASONS_KEY: reason_metadata, MAY_SUCCEED_KEY: may_succeed},
        allow_retries=any(ingest_failure.error.is_transient for ingest_failure in ingest_failures),
    )


def _alert_text(alert_texts: Mapping[SourceTable, str], tables: Sequence[SourceTable]) -> str:
    """Text for alerts about tables that failed for the same cause."""
    text = alert_texts[tables[0]]
    return text if len(tables) == 1 else _without_table_name(text, tables[0])


def _without_table_name(text: str, table: SourceTable) -> str:
    return text.replace(f"Table {table.address}", "the table").replace(table.address, "the table")
