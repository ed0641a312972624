"""History of a raw table's last 30 days: rows by operation and bytes, from object footers, as charts.

RawObject of each day ──▶ recent_days() ──▶ history_chart(), history_sparkline()

``metadata.bar_chart`` draws; ``metadata.raw_table`` adds the charts to a day's metadata.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from refera_platform.lake.lake import RawObject
from refera_platform.lake.object_state import OPERATION_NAMES
from refera_platform.orchestration.metadata.bar_chart import (
    TEXT_COLOUR,
    ChartLayer,
    ChartPanel,
    image_markdown,
    render_chart,
    render_sparkline,
)

OPERATION_COLOURS: Mapping[str, str] = {"r": "#94a3b8", "c": "#2563eb", "u": "#f59e0b", "d": "#dc2626"}
"""Colour of each operation (``_op``)."""
HISTORY_DAYS = 30
MAX_MARKDOWN_CHARACTERS = 1000
"""Longest markdown that Dagster shows without a click."""


@dataclass(frozen=True, kw_only=True)
class DayFigures:
    """Figures of one day's object; empty when there is none."""

    day: date
    rows: Mapping[str, int]
    """Rows by operation (``_op``)."""
    bytes: int | None


def recent_days(
    objects_by_day: Mapping[date, RawObject], until: date, count: int = HISTORY_DAYS
) -> tuple[DayFigures, ...]:
    """Figures of the ``count`` days up to ``until``, oldest first; none before the first ingested day."""
    first = min(objects_by_day, default=until)
    days = [until - timedelta(days=offset) for offset in range(count - 1, -1, -1)]
    return tuple(_day_figures(day, objects_by_day.get(day)) for day in days if day >= first)


def _day_figures(day: date, item: RawObject | None) -> DayFigures:
    if item is None or not item.state.is_observed:
        return DayFigures(day=day, rows={}, bytes=None)
    return DayFigures(day=day, rows=item.state.rows, bytes=item.stored.size_bytes)


def history_chart(table: str, figures: Sequence[DayFigures]) -> str:
    """Rows by operation and bytes of each day, as a markdown image."""
    labels = [f"{each.day:%d %b}" for each in figures]
    size = ChartLayer(name="bytes", colour="#0f766e", values=[each.bytes for each in figures])
    panels = [
        _rows_panel(table, figures),
        ChartPanel(title="Bytes of its object by day", layers=[size], outliers=_snapshot_days(figures)),
    ]
    return image_markdown(_alt_text(table, figures), render_chart(labels, panels))


def history_sparkline(table: str, figures: Sequence[DayFigures]) -> str:
    """Rows of each day, short enough for Dagster to show it at once; in one colour when four take too much text."""
    alt_text, rows = f"{table}: rows a day by operation", _rows_panel(table, figures)
    chart = image_markdown(alt_text, render_sparkline(rows))
    if len(chart) < MAX_MARKDOWN_CHARACTERS:
        return chart
    return image_markdown(
        alt_text,
        render_sparkline(replace(rows, layers=[ChartLayer(name="rows", colour=TEXT_COLOUR, values=rows.totals)])),
    )


def _rows_panel(table: str, figures: Sequence[DayFigures]) -> ChartPanel:
    layers = [
        ChartLayer(name=operation, colour=OPERATION_COLOURS[op], values=[each.rows.get(op) for each in figures])
        for op, operation in OPERATION_NAMES.items()
    ]
    title = f"Rows of {table} by day and operation"
    return ChartPanel(title=title, layers=layers, outliers=_snapshot_days(figures))


def _snapshot_days(figures: Sequence[DayFigures]) -> list[bool]:
    """Days with a snapshot. They are outliers: without a cut, the bars of the other days would be invisible."""
    return [bool(each.rows.get("r")) for each in figures]


def _alt_text(table: str, figures: Sequence[DayFigures]) -> str:
    return f"{table}: rows by operation a day, {figures[0].day} to {figures[-1].day}"
