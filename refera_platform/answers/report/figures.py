"""Figures of the report: all content of the page, read from one publication of the warehouse.

Renders nothing: ``page`` does.

open_query_session(stage) ──▶ read_figures() ──▶ Figures: headline numbers, series, tables, sources, lineage
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from refera_platform.answers.questions import QUESTIONS
from refera_platform.answers.report import lineage, sales, service
from refera_platform.answers.report.lineage import AnswerColumn
from refera_platform.answers.report.query import (
    ChartWindow,
    ReportSection,
    ReportTable,
    average_in_cents,
    read_series,
    read_table,
    to_json_value,
)
from refera_platform.answers.report.sources import SourceStatus, read_source_statuses
from refera_platform.answers.session import QuerySession, open_query_session
from refera_platform.errors import WarehouseError
from refera_platform.lake.objects import ObjectRoot
from refera_platform.settings.stage import Stage

REQUIRED_MODELS = (
    "fct_orders",
    "fct_order_lines",
    "dim_customer",
    "dim_employee",
    "dim_order_status",
    "dim_product",
)
"""Published tables that the page reads besides the answers."""
MAX_CHART_MONTHS = 60
MAX_FUTURE_ORDER_AGE = timedelta(days=366)
"""Orders dated more than a year ahead are not charted: the year is a typing error."""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """The content of the page, in no language."""

    as_of: date | None
    """The oldest of the source tables' newest days: all tables are complete up to here."""
    published_at: str
    run_id: str
    headline: Mapping[str, Any]
    """Exact numbers of the first row of the page."""
    series: Mapping[str, Sequence[Mapping[str, Any]]]
    tables: Mapping[int, Sequence[ReportTable]]
    """Tables by number of the question."""
    not_drawn: int
    """Order lines whose date is outside of the charts' window."""
    window: ChartWindow
    sources: Sequence[SourceStatus]
    origins: Sequence[AnswerColumn] | None
    """Lineage of the answers' columns; ``None`` when the build wrote none."""


def read_figures(stage: Stage) -> Figures:
    """Read the present publication of the warehouse.

    Raises:
        WarehouseError: when a table that the page reads was never published.
        QueryError: when nothing was ingested or published at all.
    """
    answers = [answer.model for question in QUESTIONS for answer in question.answers]
    with open_query_session(stage) as session:
        if missing := sorted({*answers, *REQUIRED_MODELS} - set(session.published.models)):
            raise WarehouseError(
                f"The report reads {', '.join(missing)}, which was never published:",
                "build everything once: `refera run`.",
            )
        sources = read_source_statuses(stage, session)
        newest_days = [source.day for source in sources]
        window = _chart_window(session, stage.clock.today())
        sections = _sections(session, window)
        stored_lineage = lineage.read_lineage(ObjectRoot(stage.warehouse, stage.store))
        return Figures(
            as_of=None if None in newest_days else min(day for day in newest_days if day is not None),
            published_at=session.published.published_at,
            run_id=session.published.run_id,
            headline=_headline_numbers(session),
            series={query.name: read_series(session, query) for section in sections for query in section.series},
            tables={section.number: [read_table(session, query) for query in section.tables] for section in sections},
            not_drawn=_count_rows(session, f"fct_order_lines where ({window.contains_sql('order_date')}) is not true"),
            window=window,
            sources=sources,
            origins=None if stored_lineage is None else lineage.trace_answer_columns(stored_lineage, answers),
        )


def _sections(session: QuerySession, window: ChartWindow) -> tuple[ReportSection, ...]:
    months = session.query(
        "select distinct make_date(stock_year, stock_month, 1) from ans_stock_by_product_and_month order by 1 desc"
    ).fetchall()
    return (
        sales.sales_section(window),
        sales.salesperson_section(),
        service.payments_section(window),
        sales.customer_and_status_section(),
        service.shipping_section(window, _last_day(session, window)),
        sales.manager_and_cities_section(),
        service.stock_section([month for (month,) in months]),
    )


def _last_day(session: QuerySession, window: ChartWindow) -> date:
    """The newest ingested day of the published orders."""
    newest_day = session.published.sources.get("classicmodels.orders", {}).get("day")
    return date.fromisoformat(newest_day) if newest_day else window.last_day


def _chart_window(session: QuerySession, today: date) -> ChartWindow:
    """The five years up to the newest order with a plausible date."""
    newest = session.query(
        f"select max(order_date) from ans_sales_by_order_date where order_date <= date '{today + MAX_FUTURE_ORDER_AGE}'"
    ).fetchone()
    last = (newest[0] if newest else None) or today
    first = date(last.year - MAX_CHART_MONTHS // 12, last.month, 1) if last.year > MAX_CHART_MONTHS // 12 else date.min
    return ChartWindow(first_month=first, last_month=last.replace(day=1), last_day=last)


def _headline_numbers(session: QuerySession) -> dict[str, Any]:
    lines = session.query(
        "select count(*), coalesce(sum(units), 0), coalesce(sum(sales_amount), 0.00),"
        " coalesce(sum(sales_amount) filter (where is_cancelled), 0.00)"
        " from fct_order_lines inner join dim_order_status using (order_status_key)"
    ).fetchone() or (0, 0, Decimal(0), Decimal(0))
    orders = session.query(
        "select count(*), count(distinct customer_number), count(is_late), count(*) filter (where is_late),"
        " count(*) filter (where is_late and is_open), min(order_date), max(order_date) from fct_orders"
    ).fetchone() or (0, 0, 0, 0, 0, None, None)
    order_lines, units, amount, cancelled = lines
    count, customers, judged, late, overdue, first, last = orders
    share = (Decimal(100 * late) / Decimal(judged)).quantize(Decimal("0.1"), ROUND_HALF_UP) if judged else None
    numbers = {
        "sales": amount,
        "orders": count,
        "order_lines": order_lines,
        "units": units,
        "average_order": average_in_cents(amount, count),
        "late_share": share,
        "late": late,
        "judged": judged,
        "overdue": overdue,
        "cancelled": cancelled,
        "customers": customers,
        "first_order": first,
        "last_order": last,
        "lines_per_order": _average_to_a_tenth(order_lines, count),
        "units_per_line": _average_to_a_tenth(units, order_lines),
    }
    return {name: to_json_value(value) for name, value in numbers.items()}


def _average_to_a_tenth(total: int, count: int) -> Decimal | None:
    return (Decimal(total) / Decimal(count)).quantize(Decimal("0.1"), ROUND_HALF_UP) if count else None


def _count_rows(session: QuerySession, relation: str) -> int:
    row = session.query(f"select count(*) from {relation}").fetchone()
    return int(row[0]) if row else 0
