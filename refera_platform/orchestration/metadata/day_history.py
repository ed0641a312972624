"""What the last days of a raw table held, told by the objects' own footers, and drawn.

RawObject of each day ──▶ last_days() ──▶ drawn(): rows by operation and bytes a day
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from refera_platform.lake.lake import RawObject
from refera_platform.lake.object_state import OPERATIONS
from refera_platform.orchestration.metadata.bar_chart import INK, Layer, Panel, markdown, picture, small

COLOURS: Mapping[str, str] = {"r": "#94a3b8", "c": "#2563eb", "u": "#f59e0b", "d": "#dc2626"}
"""Colour of each ``_op``."""
DAYS = 30
SHOWN = 1000
"""Letters of markdown that Dagster shows without a click."""


@dataclass(frozen=True, kw_only=True)
class DayFigures:
    """What one day's object holds; nothing where there is none."""

    day: date
    rows: Mapping[str, int]
    """Rows by ``_op``."""
    bytes: int | None


def last_days(known: Mapping[date, RawObject], until: date, count: int = DAYS) -> tuple[DayFigures, ...]:
    """The days that end with ``until``, oldest first, from the first that was captured."""
    first = min(known, default=until)
    days = [until - timedelta(days=back) for back in range(count - 1, -1, -1)]
    return tuple(_figures(day, known.get(day)) for day in days if day >= first)


def _figures(day: date, item: RawObject | None) -> DayFigures:
    if item is None or not item.state.is_observed:
        return DayFigures(day=day, rows={}, bytes=None)
    return DayFigures(day=day, rows=item.state.rows, bytes=item.stored.size)


def drawn(table: str, figures: Sequence[DayFigures]) -> str:
    """The figures as an image in markdown."""
    labels = [f"{each.day:%d %b}" for each in figures]
    size = Layer(name="bytes", colour="#0f766e", values=[each.bytes for each in figures])
    panels = [
        _rows(table, figures),
        Panel(title="Bytes of its object by day", layers=[size], outstanding=_baselines(figures)),
    ]
    return markdown(_told(table, figures), picture(labels, panels))


def drawn_small(table: str, figures: Sequence[DayFigures]) -> str:
    """The rows alone, short enough for Dagster to show it at once."""
    told, rows = f"{table}: rows a day by operation", _rows(table, figures)
    by_operation = markdown(told, small(rows))
    if len(by_operation) < SHOWN:
        return by_operation
    return markdown(told, small(replace(rows, layers=[Layer(name="rows", colour=INK, values=rows.totals)])))


def _rows(table: str, figures: Sequence[DayFigures]) -> Panel:
    layers = [
        Layer(name=word, colour=COLOURS[op], values=[each.rows.get(op) for each in figures])
        for op, word in OPERATIONS.items()
    ]
    title = f"Rows of {table} by day and operation"
    return Panel(title=title, layers=layers, outstanding=_baselines(figures))


def _baselines(figures: Sequence[DayFigures]) -> list[bool]:
    """Days on which the whole table was read: they would leave nothing to see of the others, so they are cut."""
    return [bool(each.rows.get("r")) for each in figures]


def _told(table: str, figures: Sequence[DayFigures]) -> str:
    return f"{table}: rows by operation a day, {figures[0].day} to {figures[-1].day}"
