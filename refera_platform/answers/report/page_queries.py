"""Queries of one page: its SQL with the page's views and parameters, in the read-only query session.

SQL may name these parameters: ``$today`` (the stage's clock), ``$first_day`` and ``$last_day`` (the charts' window) and
``$others`` (the name of all members that a chart has no room for). Besides the page's views it may read
``captured_days``: ``source_table`` and its newest ingested day, ``captured_on``.

Report ──open_page_queries()──▶ PageQueries ──read()──▶ QueryResult
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from graphlib import CycleError, TopologicalSorter
from typing import Any

from refera_platform.answers.session import QuerySession
from refera_platform.duckdb_session.quoting import literal, quoted
from refera_platform.duckdb_session.table_names import read_table_names
from refera_platform.errors import QueryError
from refera_platform.project.model import Report

OTHERS = "\x01"
"""Name of all members that a chart has no room for; the page translates it."""
INGESTED_DAYS = "captured_days"
DEFAULT_WINDOW_MONTHS = 60
MONTHS_OF_YEAR = 12


@dataclass(frozen=True, kw_only=True)
class QueryResult:
    """Columns and rows of a query."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True, kw_only=True)
class PageQueries:
    """The session, and what every query of the page may name."""

    session: QuerySession
    report: Report
    parameters: Mapping[str, Any]

    def read(self, sql: str, element: str) -> QueryResult:
        """Run a query of the page.

        Args:
            sql: One SELECT over published tables and the page's views.
            element: The part of the page that it is for, as errors name it.

        Raises:
            QueryError: naming the page's file, the part and DuckDB's message.
        """
        try:
            views = {**self.report.page.views, INGESTED_DAYS: _ingested_days_sql(self.session)}
            cursor = self.session.query(with_views(sql, views), self.parameters)
            columns = tuple(column[0] for column in cursor.description or ())
            return QueryResult(columns=columns, rows=tuple(cursor.fetchall()))
        except QueryError as error:
            raise page_error(self.report, element, error) from None


def page_error(report: Report, element: str, error: QueryError) -> QueryError:
    """The error of a part of a page, in one sentence."""
    message = error.problem.strip().splitlines()[0].rstrip(".!:")
    return QueryError(
        f"{report.file}, {element}: {message}:",
        "correct its SQL.",
        public_problem=f"{report.file}, {element}: {error.public_problem}",
    )


def open_page_queries(session: QuerySession, report: Report, today: date) -> PageQueries:
    """The queries of a page, with the window of its charts.

    Raises:
        QueryError: when the window's SQL fails.
    """
    window = report.page.chart_window
    queries = PageQueries(session=session, report=report, parameters={"today": today, "others": OTHERS})
    last_day, months = today, DEFAULT_WINDOW_MONTHS
    if window:
        newest = f"select max(last_day)::date from (\n{bare(window.last_day)}\n) as days(last_day)"
        ((day,),) = queries.read(newest, "chart_window").rows
        last_day, months = day or today, window.months
    first_day = _first_day(last_day, months)
    return replace(queries, parameters={**queries.parameters, "first_day": first_day, "last_day": last_day})


def with_views(sql: str, views: Mapping[str, str]) -> str:
    """A SELECT that reads views by their names, with those that it needs in front of it."""
    needed = _needed_views(read_table_names(sql), views)
    if not needed:
        return sql
    definitions = ",\n".join(f"{quoted(name)} as (\n{bare(views[name])}\n)" for name in needed)
    return f"with {definitions}\n(\n{bare(sql)}\n)"


def bare(sql: str) -> str:
    """SQL that may stand in parentheses, on lines of its own."""
    return sql.strip().rstrip("; \n")


def read_models(report: Report) -> frozenset[str]:
    """Names of all published tables that a page reads, from its SQL.

    Raises:
        QueryError: naming the part of the page whose SQL is no SELECT.
    """
    views = report.page.views
    names: set[str] = set()
    for element, sql in _iter_sql(report):
        try:
            names |= read_table_names(sql)
        except QueryError as error:
            raise page_error(report, element, error) from None
    return frozenset(names - views.keys() - {INGESTED_DAYS})


def _iter_sql(report: Report) -> Iterable[tuple[str, str]]:
    page = report.page
    yield from ((f"view {name}", sql) for name, sql in page.views.items())
    if page.chart_window:
        yield "chart_window", page.chart_window.last_day
    if page.headline:
        yield "headline", page.headline.sql
    for section in report.sections:
        for sentence in section.said.sentences:
            yield f"section {section.key}, sentence", sentence.sql
        for chart in section.said.charts:
            yield f"section {section.key}, chart {chart.name}", chart.sql
        for table in section.said.tables:
            yield f"section {section.key}, table {table.key}", table.sql or f"from {quoted(table.of)}"


def _needed_views(names: Iterable[str], views: Mapping[str, str]) -> list[str]:
    """The views of ``names`` and the views that these read, in the order in which they can be defined.

    Raises:
        QueryError: naming views that read each other.
    """
    reads: dict[str, frozenset[str]] = {}
    queue = [name for name in names if name in views]
    while queue:
        name = queue.pop()
        if name not in reads:
            reads[name] = (read_table_names(views[name]) & views.keys()) - {name}
            queue.extend(reads[name])
    try:
        return [*TopologicalSorter({name: sorted(reads[name]) for name in sorted(reads)}).static_order()]
    except CycleError as error:
        circle = ", ".join(dict.fromkeys(error.args[1]))
        raise QueryError(f"The views {circle} read each other:", "take one out of the circle.") from None


def _ingested_days_sql(session: QuerySession) -> str:
    values = ", ".join(
        f"({literal(table)}, date {literal(str(source['day']))})"
        for table, source in session.published.sources.items()
        if source.get("day")
    )
    rows = f"values {values}" if values else "select null::varchar, null::date where false"
    return f"select * from ({rows}) as days(source_table, captured_on)"


def _first_day(last_day: date, months: int) -> date:
    """The first day of the month so many months before."""
    month = last_day.year * MONTHS_OF_YEAR + last_day.month - 1 - months
    if month < MONTHS_OF_YEAR:
        return date.min
    return date(month // MONTHS_OF_YEAR, month % MONTHS_OF_YEAR + 1, 1)
