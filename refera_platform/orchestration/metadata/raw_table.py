"""Dagster metadata of one day of a raw table. Every value is of that day, also when one run filled several days.

IngestResult ──▶ DayMetadata.for_day() ──▶ figures, columns, links, a preview and a chart of the last 30 days
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

import dagster as dg
import duckdb

from refera_platform.errors import LakeError
from refera_platform.ingest.result import IngestResult
from refera_platform.lake.lake import RawObject
from refera_platform.lake.links import object_console_url, object_page_url
from refera_platform.lake.missing_days import unknown_period
from refera_platform.lake.object_state import OPERATION_NAMES
from refera_platform.lake.preview import preview_newest_changes
from refera_platform.orchestration.metadata.day_history import history_chart, history_sparkline, recent_days
from refera_platform.orchestration.metadata.labels import link_metadata
from refera_platform.orchestration.metadata.preview_table import escape_markdown, preview_markdown
from refera_platform.settings.stage import Stage
from refera_platform.source.table import SourceTable
from refera_platform.warehouse.catalogs.dbt_docs import DOCS_PAGE_KEY as DOCS

MAX_PREVIEW_DAYS = 62
"""Most days of one run whose rows are read for a preview, newest first; each one is a request of ten milliseconds."""


class DayMetadata:
    """Metadata of the days of one ingested table."""

    def __init__(self, stage: Stage, connection: duckdb.DuckDBPyConnection, result: IngestResult) -> None:
        self._stage = stage
        self._connection = connection
        self._result = result
        self._filled = {filled.day: filled for filled in result.ingested_days}
        reported_days = sorted({*self._filled, *result.unchanged_days})
        self._previewed = set(reported_days[-MAX_PREVIEW_DAYS:])

    @property
    def shows_values(self) -> bool:
        """Whether Dagster's event log may hold values of the table's rows."""
        return self._stage.is_previewed and self._result.table.is_previewed

    def for_day(self, day: date) -> dict[str, Any]:
        """Metadata of one day; for an unobserved day, only that nobody observed it."""
        result, item = self._result, self._result.days_in_lake.get(day)
        if day in result.unseen_days or item is None or not item.state.is_observed:
            return {"observed": False, **(_unknown_time_metadata(item) if item else {})}
        history = recent_days(result.days_in_lake, day)
        return {
            "last_30_days": dg.MetadataValue.md(history_sparkline(result.table.name, history)),
            **self._object_metadata(item),
            **self._ingest_metadata(day),
            **self._link_metadata(item),
            "dagster/column_schema": table_schema(result.table, item),
            "last_30_days_in_detail": dg.MetadataValue.md(history_chart(result.table.name, history)),
            **({"preview": dg.MetadataValue.md(self._preview_text(item))} if day in self._previewed else {}),
        }

    def _object_metadata(self, item: RawObject) -> dict[str, Any]:
        """Metadata from the footer of the day's object."""
        state = item.state
        table_rows = state.table_rows
        if table_rows is None and item.day == max(self._result.days_in_lake):
            table_rows = self._result.lake_rows
        return {
            "dagster/partition_row_count": state.row_count,
            **({} if table_rows is None else {"dagster/row_count": table_rows}),
            **{f"rows_{operation}": state.rows.get(op, 0) for op, operation in OPERATION_NAMES.items()},
            "bytes": item.stored.size_bytes,
            "quirks": sum(state.quirks.values()),
            **({"quirks_by_column": dict(state.quirks)} if state.quirks else {}),
            **_unknown_time_metadata(item),
            "schema_version": state.schema_version,
            "position": state.end_position,
            "passes": state.passes,
        }

    def _ingest_metadata(self, day: date) -> dict[str, Any]:
        """What the ingest run added to the day; the speed is that of the whole run."""
        result = self._result
        if day in result.unchanged_days:
            return {"kept_as_it_was": True}
        rows = sum(sum(filled.added.values()) for filled in result.ingested_days)
        return {
            **{f"rows_added_{op}": count for op, count in self._filled[day].added.items()},
            "seconds": round(result.seconds, 3),
            "rows_per_second": round(rows / max(result.seconds, 0.001)),
            **({"days_in_one_pass": len(result.ingested_days)} if len(result.ingested_days) > 1 else {}),
        }

    def _link_metadata(self, item: RawObject) -> dict[str, Any]:
        table, url = self._result.table, item.stored.url
        source = f"{self._stage.warehouse}/{DOCS}"
        docs = object_page_url(self._stage.store, source)
        anchor = f"#!/source/source.refera.{table.database}.{table.name}"
        example_query = f"from {table.address} where day = '{item.day}'"
        return {
            "dagster/uri": url,
            **link_metadata("object", object_console_url(self._stage.store, url)),
            **link_metadata("docs", docs and docs + anchor, "refera report --docs --open"),
            "ask": dg.MetadataValue.md(
                f'`refera query "{example_query}"`' if "`" not in example_query else escape_markdown(example_query)
            ),
        }

    def _preview_text(self, item: RawObject) -> str:
        table = self._result.table
        if not self.shows_values:
            return "Switched off: no row of it is kept in Dagster's event log."
        try:
            return preview_markdown(preview_newest_changes(self._connection, table, item))
        except LakeError as error:  # the day is committed; only its preview is missing
            return escape_markdown(f"It could not be read: {error}")


def _unknown_time_metadata(item: RawObject) -> dict[str, Any]:
    """The period that a purged binlog leaves unknown, on each day that it touches."""
    return {"not_known_between": unknown_period(item.state)} if item.state.unknown_since else {}


def table_schema(table: SourceTable, item: RawObject) -> dg.TableSchema:
    """Columns of one day's object, with keys and hashed columns marked."""
    return dg.TableSchema([_column(table, name, kind) for name, kind in item.state.columns.items()])


def _column(table: SourceTable, name: str, kind: str) -> dg.TableColumn:
    is_key = name in table.key
    descriptions: Mapping[bool, str | None] = {True: "Kept as a keyed hash of the source's value.", False: None}
    return dg.TableColumn(
        name,
        kind,
        description=descriptions[name in table.hashed],
        constraints=dg.TableColumnConstraints(nullable=not is_key, other=["key"] if is_key else []),
        tags={"pii": "hashed"} if name in table.hashed else None,
    )
