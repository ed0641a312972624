"""What Dagster shows of one day of a raw table: all of it is of that day, also when a pass filled many.

Captured ──▶ DayMetadata.of(day) ──▶ figures, columns, links, a preview and a picture of the last 30 days
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

import dagster as dg
import duckdb

from refera_platform.errors import LakeError
from refera_platform.ingest.result import Captured
from refera_platform.lake.lake import RawObject
from refera_platform.lake.links import console, page
from refera_platform.lake.missing_days import unknown_time
from refera_platform.lake.object_state import OPERATIONS
from refera_platform.lake.preview import newest_changes
from refera_platform.orchestration.metadata.day_history import drawn, drawn_small, last_days
from refera_platform.orchestration.metadata.labels import way
from refera_platform.orchestration.metadata.preview_table import as_markdown, plain
from refera_platform.settings.stage import Stage
from refera_platform.source.table import SourceTable
from refera_platform.warehouse.catalogs.dbt_docs import PAGE as DOCS

MOST_PREVIEWS = 62
"""Days of one pass whose rows are read for a preview, the newest first: each one is a request of ten milliseconds."""


class DayMetadata:
    """Metadata of the days of one captured table."""

    def __init__(self, stage: Stage, connection: duckdb.DuckDBPyConnection, captured: Captured) -> None:
        self._stage = stage
        self._connection = connection
        self._captured = captured
        self._filled = {filled.day: filled for filled in captured.filled}
        told = sorted({*self._filled, *captured.kept})
        self._previewed = set(told[-MOST_PREVIEWS:])

    @property
    def shows_values(self) -> bool:
        """Whether values of its rows may be kept in Dagster's event log."""
        return self._stage.is_previewed and self._captured.table.is_previewed

    def of(self, day: date) -> dict[str, Any]:
        """What is true of one day; of one that nobody looked at, only that."""
        captured, item = self._captured, self._captured.known.get(day)
        if day in captured.unseen or item is None or not item.state.is_observed:
            return {"observed": False, **(_unknown(item) if item else {})}
        last = last_days(captured.known, day)
        return {
            "last_30_days": dg.MetadataValue.md(drawn_small(captured.table.name, last)),
            **self._figures(item),
            **self._effort(day),
            **self._links(item),
            "dagster/column_schema": columns_of(captured.table, item),
            "last_30_days_in_detail": dg.MetadataValue.md(drawn(captured.table.name, last)),
            **({"preview": dg.MetadataValue.md(self._preview(item))} if day in self._previewed else {}),
        }

    def _figures(self, item: RawObject) -> dict[str, Any]:
        """What the day's object holds."""
        state = item.state
        table_rows = state.table_rows
        if table_rows is None and item.day == max(self._captured.known):
            table_rows = self._captured.lake_rows
        return {
            "dagster/partition_row_count": state.row_count,
            **({} if table_rows is None else {"dagster/row_count": table_rows}),
            **{f"rows_{word}": state.rows.get(op, 0) for op, word in OPERATIONS.items()},
            "bytes": item.stored.size,
            "quirks": sum(state.quirks.values()),
            **({"quirks_by_column": dict(state.quirks)} if state.quirks else {}),
            **_unknown(item),
            "schema_version": state.schema_version,
            "position": state.end_position,
            "passes": state.passes,
        }

    def _effort(self, day: date) -> dict[str, Any]:
        """What the pass did for it; a pass over many days has one speed."""
        captured = self._captured
        if day in captured.kept:
            return {"kept_as_it_was": True}
        rows = sum(sum(filled.added.values()) for filled in captured.filled)
        return {
            **{f"rows_added_{op}": count for op, count in self._filled[day].added.items()},
            "seconds": round(captured.seconds, 3),
            "rows_per_second": round(rows / max(captured.seconds, 0.001)),
            **({"days_in_one_pass": len(captured.filled)} if len(captured.filled) > 1 else {}),
        }

    def _links(self, item: RawObject) -> dict[str, Any]:
        table, url = self._captured.table, item.stored.url
        source = f"{self._stage.warehouse}/{DOCS}"
        docs = page(self._stage.store, source)
        anchor = f"#!/source/source.refera.{table.database}.{table.name}"
        asked = f"from {table.address} where day = '{item.day}'"
        return {
            "dagster/uri": url,
            **way("object", console(self._stage.store, url)),
            **way("docs", docs and docs + anchor, "refera report --docs --open"),
            "ask": dg.MetadataValue.md(f'`refera query "{asked}"`' if "`" not in asked else plain(asked)),
        }

    def _preview(self, item: RawObject) -> str:
        table = self._captured.table
        if not self.shows_values:
            return "Switched off: no row of it is kept in Dagster's event log."
        try:
            return as_markdown(newest_changes(self._connection, table, item))
        except LakeError as trouble:  # the day is committed and stays so
            return plain(f"It could not be read: {trouble}")


def _unknown(item: RawObject) -> dict[str, Any]:
    """The time that a lost log leaves unknown, on the days that it touches."""
    return {"not_known_between": unknown_time(item.state)} if item.state.unknown_since else {}


def columns_of(table: SourceTable, item: RawObject) -> dg.TableSchema:
    """The columns of one day's object, and what is special of them."""
    return dg.TableSchema([_column(table, name, kind) for name, kind in item.state.columns.items()])


def _column(table: SourceTable, name: str, kind: str) -> dg.TableColumn:
    is_key = name in table.key
    said: Mapping[bool, str | None] = {True: "Kept as a keyed hash of the source's value.", False: None}
    return dg.TableColumn(
        name,
        kind,
        description=said[name in table.hashed],
        constraints=dg.TableColumnConstraints(nullable=not is_key, other=["key"] if is_key else []),
        tags={"pii": "hashed"} if name in table.hashed else None,
    )
