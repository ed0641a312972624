"""Figures of the report: all content of a page, read from one publication of the warehouse.

Renders nothing: ``page`` does.

open_query_session(stage, project) ──▶ read_figures() ──▶ Figures: headline numbers, series, tables, sources, lineage
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from refera_platform.answers.report import lineage
from refera_platform.answers.report.lineage import AnswerColumn
from refera_platform.answers.report.page_queries import PageQueries, open_page_queries, read_models
from refera_platform.answers.report.sources import SourceStatus, read_source_statuses
from refera_platform.answers.report.tables import ReportTable, read_series, read_table
from refera_platform.answers.report.values import divide, to_json_value
from refera_platform.answers.session import QuerySession, open_query_session
from refera_platform.errors import QueryError, WarehouseError
from refera_platform.lake.objects import ObjectRoot
from refera_platform.project.model import Project, Report
from refera_platform.settings.stage import Stage


@dataclass(frozen=True, kw_only=True)
class Figures:
    """The content of a page, in no language."""

    as_of: date | None
    """The oldest of the source tables' newest days: all tables are complete up to here."""
    published_at: str
    run_id: str
    headline: Mapping[str, Any]
    """Exact numbers of the first row of the page."""
    series: Mapping[str, Sequence[Mapping[str, Any]]]
    """Rows of each chart."""
    sentences: Mapping[str, Sequence[Mapping[str, Any] | None]]
    """Values of the sentences of each section; ``None`` for a sentence that is left out."""
    tables: Mapping[str, Sequence[ReportTable]]
    """Tables of each section."""
    sources: Sequence[SourceStatus]
    origins: Sequence[AnswerColumn] | None
    """Lineage of the answers' columns; ``None`` when the build wrote none."""


def read_figures(stage: Stage, project: Project, report: Report) -> Figures:
    """Read the present publication of the warehouse.

    Raises:
        WarehouseError: when a table that the page reads was never published.
        QueryError: when nothing was ingested or published at all, or when SQL of the page fails.
    """
    with open_query_session(stage, project) as session:
        _require_published(session, report)
        sources = read_source_statuses(stage, project, session)
        newest_days = [source.day for source in sources]
        queries = open_page_queries(session, report, stage.clock.today())
        stored_lineage = lineage.read_lineage(ObjectRoot(stage.warehouse, stage.store))
        return Figures(
            as_of=None if None in newest_days else min((day for day in newest_days if day), default=None),
            published_at=session.published.published_at,
            run_id=session.published.run_id,
            headline=_read_headline(queries),
            series={
                chart.name: read_series(queries, section.key, chart)
                for section in report.sections
                for chart in section.said.charts
            },
            sentences={
                section.key: [
                    _read_sentence(queries, sentence.sql, f"section {section.key}, sentence")
                    for sentence in section.said.sentences
                ]
                for section in report.sections
            },
            tables={
                section.key: [read_table(queries, section.key, table) for table in section.said.tables]
                for section in report.sections
            },
            sources=sources,
            origins=None if stored_lineage is None else lineage.trace_answer_columns(stored_lineage, report.answers),
        )


def _require_published(session: QuerySession, report: Report) -> None:
    """Require every table that the page reads.

    Raises:
        WarehouseError: naming those that were never published.
    """
    if missing := sorted({*report.answers, *read_models(report)} - set(session.published.models)):
        raise WarehouseError(
            f"The report ({report.file}) reads {', '.join(missing)}, which was never published:",
            "build everything once: `refera run`.",
        )


def _read_headline(queries: PageQueries) -> dict[str, Any]:
    headline = queries.report.page.headline
    if headline is None:
        return {}
    values = _read_row(queries, headline.sql, "headline") or {}
    values |= {name: divide(quotient, values) for name, quotient in headline.quotients.items()}
    if missing := [tile.name for tile in headline.tiles if values and tile.name not in values]:
        raise QueryError(
            f"{queries.report.file}, headline: there is no number {', '.join(missing)}:",
            f"name one of {', '.join(values)}.",
        )
    return {name: to_json_value(value) for name, value in values.items()}


def _read_sentence(queries: PageQueries, sql: str, element: str) -> dict[str, Any] | None:
    row = _read_row(queries, sql, element)
    return None if row is None else {name: to_json_value(value) for name, value in row.items()}


def _read_row(queries: PageQueries, sql: str, element: str) -> dict[str, Any] | None:
    """The one row of a query; ``None`` when there is none.

    Raises:
        QueryError: when there are more.
    """
    result = queries.read(sql, element)
    if len(result.rows) > 1:
        raise QueryError(
            f"{queries.report.file}, {element}: its SQL gives {len(result.rows):,} rows:", "make it give one row."
        )
    return dict(zip(result.columns, result.rows[0], strict=True)) if result.rows else None
