"""What the page asks the warehouse: bounded tables for people, and bounded series for charts.

All aggregation is DuckDB's. A table's numbers stay exact (decimals travel as text); only charts get floats.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from refera_platform.answers.session import Session
from refera_platform.duckdb_session.quoting import quoted

OTHERS = "chr(1)"
"""SQL of the name that stands for what a chart has no room for; the page says it in its language."""
LONGEST_TEXT = 160
"""Characters of a name that travel: the page stays small whatever the source allows."""
CENT = Decimal("0.01")
JSON_EXACT = 2**53


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a table on the page."""

    name: str
    """Name in the SQL, and the key of its heading among the words (or a month, like ``2026-11``)."""
    kind: str = "text"
    """``text``, ``id``, ``integer``, ``amount``, ``date`` or ``month``: how the page writes and sorts it."""
    summed: bool = False
    """Whether a total makes sense: distinct orders of products, say, do not add up."""
    average: tuple[str, str] | None = None
    """Two other columns whose quotient it is; divided here, because DuckDB divides decimals as floats."""


@dataclass(frozen=True, kw_only=True)
class TableQuery:
    """A table behind the charts: its first rows, and what is true of all of them."""

    name: str
    columns: tuple[Column, ...]
    sql: str
    order: str
    limit: int = 200


@dataclass(frozen=True, kw_only=True)
class Table:
    """The rows that travel with the page."""

    name: str
    columns: tuple[Column, ...]
    rows: Sequence[Sequence[Any]]
    total: Sequence[Any] | None
    """Sums over all rows, those that are left out included."""
    in_all: int
    """Rows there are."""


@dataclass(frozen=True, kw_only=True)
class SeriesQuery:
    """The data of one chart; ``name`` and ``group`` of a row are names, which may be missing."""

    name: str
    sql: str
    limit: int = 1500


@dataclass(frozen=True, kw_only=True)
class Window:
    """The part of time that charts draw: one mistyped year must not squeeze all others."""

    first_month: date
    last_month: date
    last_day: date

    def holds(self, expression: str) -> str:
        """SQL of whether a date is drawn."""
        return f"{expression} between date '{self.first_month}' and date '{self.last_day}'"


@dataclass(frozen=True, kw_only=True)
class Section:
    """One question of the page: series of its charts and the tables behind them."""

    number: int
    series: tuple[SeriesQuery, ...]
    tables: tuple[TableQuery, ...]


def exact(value: Any) -> Any:
    """A value as JSON holds it without losing a digit."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        return value[: LONGEST_TEXT - 1] + "…"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= JSON_EXACT:
        return str(value)
    return value


def quotient(amount: Any, count: Any) -> Decimal | None:
    """An average in cents, rounded as people do; ``None`` of nothing."""
    if amount is None or not count:
        return None
    return (Decimal(amount) / Decimal(count)).quantize(CENT, ROUND_HALF_UP)


def read_table(session: Session, query: TableQuery) -> Table:
    """The first rows of a table and the totals of all."""
    asked = [column.name for column in query.columns if column.average is None]
    summed = [column.name for column in query.columns if column.summed]
    names = ", ".join(quoted(name) for name in asked)
    sums = "".join(f", sum({quoted(name)})" for name in summed)
    found = session.query(f"select {names} from ({query.sql}) order by {query.order} limit {query.limit}")
    rows = [_completed(query.columns, dict(zip(asked, row, strict=True))) for row in found.fetchall()]
    in_all, *totals = session.query(f"select count(*){sums} from ({query.sql})").fetchone() or (0,)
    total = _completed(query.columns, dict(zip(summed, totals, strict=True))) if summed and in_all else None
    return Table(name=query.name, columns=query.columns, rows=rows, total=total, in_all=in_all)


def _completed(columns: Sequence[Column], values: dict[str, Any]) -> list[Any]:
    """A row in the order of the columns, with the averages that are computed here."""
    for column in columns:
        if column.average is not None:
            amount, count = column.average
            values[column.name] = quotient(values.get(amount), values.get(count))
    return [exact(values.get(column.name)) for column in columns]


def read_series(session: Session, query: SeriesQuery) -> list[dict[str, Any]]:
    """The rows of a chart, by column name."""
    cursor = session.query(f"select * from ({query.sql}) limit {query.limit}")
    names = [column[0] for column in cursor.description or ()]
    return [{name: exact(value) for name, value in zip(names, row, strict=True)} for row in cursor.fetchall()]
