"""Queries of the page: bounded tables for people, and bounded series for charts.

DuckDB does all aggregation. Numbers in tables stay exact (decimals are sent as text); only charts get floats.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from refera_platform.answers.session import QuerySession
from refera_platform.duckdb_session.quoting import quoted

OTHERS_SQL = "chr(1)"
"""SQL of the name for all members that a chart has no room for; the page translates it."""
MAX_TEXT_CHARACTERS = 160
"""Longest text in the page, so that it stays small whatever the source allows."""
CENT = Decimal("0.01")
MAX_EXACT_JSON_INTEGER = 2**53


@dataclass(frozen=True, kw_only=True)
class ReportColumn:
    """One column of a table on the page."""

    name: str
    """Name in the SQL, and key of its heading in ``words`` (or a month, like ``2026-11``)."""
    kind: str = "text"
    """``text``, ``id``, ``integer``, ``amount``, ``date`` or ``month``: how the page formats and sorts it."""
    is_summed: bool = False
    """Whether it has a total: distinct orders of products, for example, do not add up."""
    quotient_of: tuple[str, str] | None = None
    """Two other columns whose quotient it is. Divided in Python, because DuckDB divides decimals as floats."""


@dataclass(frozen=True, kw_only=True)
class TableQuery:
    """Query of a table behind the charts: its first rows, and the totals of all rows."""

    name: str
    columns: tuple[ReportColumn, ...]
    sql: str
    order: str
    limit: int = 200


@dataclass(frozen=True, kw_only=True)
class ReportTable:
    """A table's rows in the page."""

    name: str
    columns: tuple[ReportColumn, ...]
    rows: Sequence[Sequence[Any]]
    total: Sequence[Any] | None
    """Sums over all rows, including those that are not in the page."""
    row_count: int
    """Number of all rows."""


@dataclass(frozen=True, kw_only=True)
class SeriesQuery:
    """Query of one chart's data; ``name`` and ``group`` of a row are names and may be NULL."""

    name: str
    sql: str
    limit: int = 1500


@dataclass(frozen=True, kw_only=True)
class ChartWindow:
    """The period that charts show, so that one mistyped year does not squeeze all others."""

    first_month: date
    last_month: date
    last_day: date

    def contains_sql(self, expression: str) -> str:
        """SQL condition that a date is in the window."""
        return f"{expression} between date '{self.first_month}' and date '{self.last_day}'"


@dataclass(frozen=True, kw_only=True)
class ReportSection:
    """One question of the page: series of its charts and the tables behind them."""

    number: int
    series: tuple[SeriesQuery, ...]
    tables: tuple[TableQuery, ...]


def to_json_value(value: Any) -> Any:
    """A value as JSON, without losing a digit."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, str) and len(value) > MAX_TEXT_CHARACTERS:
        return value[: MAX_TEXT_CHARACTERS - 1] + "…"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= MAX_EXACT_JSON_INTEGER:
        return str(value)
    return value


def average_in_cents(amount: Any, count: Any) -> Decimal | None:
    """An average rounded half up to cents; ``None`` when the count is 0."""
    if amount is None or not count:
        return None
    return (Decimal(amount) / Decimal(count)).quantize(CENT, ROUND_HALF_UP)


def read_table(session: QuerySession, query: TableQuery) -> ReportTable:
    """The first rows of a table and the totals of all rows."""
    selected = [column.name for column in query.columns if column.quotient_of is None]
    summed_columns = [column.name for column in query.columns if column.is_summed]
    names = ", ".join(quoted(name) for name in selected)
    sums = "".join(f", sum({quoted(name)})" for name in summed_columns)
    cursor = session.query(f"select {names} from ({query.sql}) order by {query.order} limit {query.limit}")
    rows = [_complete_row(query.columns, dict(zip(selected, row, strict=True))) for row in cursor.fetchall()]
    row_count, *totals = session.query(f"select count(*){sums} from ({query.sql})").fetchone() or (0,)
    total = (
        _complete_row(query.columns, dict(zip(summed_columns, totals, strict=True)))
        if summed_columns and row_count
        else None
    )
    return ReportTable(name=query.name, columns=query.columns, rows=rows, total=total, row_count=row_count)


def _complete_row(columns: Sequence[ReportColumn], values: dict[str, Any]) -> list[Any]:
    """A row in the order of the columns, with the quotients that are computed here."""
    for column in columns:
        if column.quotient_of is not None:
            amount, count = column.quotient_of
            values[column.name] = average_in_cents(values.get(amount), values.get(count))
    return [to_json_value(values.get(column.name)) for column in columns]


def read_series(session: QuerySession, query: SeriesQuery) -> list[dict[str, Any]]:
    """The rows of a chart, by column name."""
    cursor = session.query(f"select * from ({query.sql}) limit {query.limit}")
    names = [column[0] for column in cursor.description or ()]
    return [{name: to_json_value(value) for name, value in zip(names, row, strict=True)} for row in cursor.fetchall()]
