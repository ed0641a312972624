"""Everything the page says, read from one publication of the warehouse.

opened(stage) ──▶ gather() ──▶ Figures: headline numbers, series, tables, sources, lineage
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from refera_platform.answers.questions import QUESTIONS
from refera_platform.answers.report import lineage, sales, service
from refera_platform.answers.report.lineage import Origin
from refera_platform.answers.report.query import (
    Section,
    Table,
    Window,
    exact,
    quotient,
    read_series,
    read_table,
)
from refera_platform.answers.report.sources import SourceStatus, statuses
from refera_platform.answers.session import Session, opened
from refera_platform.errors import WarehouseError
from refera_platform.lake.objects import ObjectRoot
from refera_platform.settings.stage import Stage

READS = (
    "fct_orders",
    "fct_order_lines",
    "dim_customer",
    "dim_employee",
    "dim_order_status",
    "dim_product",
)
"""Published tables the page reads besides the answers."""
MONTHS_DRAWN = 60
ONE_YEAR = timedelta(days=366)
"""Orders dated later than a year from now are not drawn: somebody mistyped a year."""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """The content of the page, in no language."""

    as_of: date | None
    """The oldest of the newest days of the source tables: up to here everything is in."""
    published_at: str
    run_id: str
    headline: Mapping[str, Any]
    """Numbers of the first row, exact."""
    series: Mapping[str, Sequence[Mapping[str, Any]]]
    tables: Mapping[int, Sequence[Table]]
    """Tables by number of the question."""
    not_drawn: int
    """Order lines whose date lies outside of what the charts draw."""
    window: Window
    sources: Sequence[SourceStatus]
    origins: Sequence[Origin] | None
    """``None`` when the build did not tell."""


def gather(stage: Stage) -> Figures:
    """Read the warehouse as it is published now.

    Raises:
        WarehouseError: when a table the page reads was never published.
        QueryError: when nothing was published or captured at all.
    """
    answers = [answer.model for question in QUESTIONS for answer in question.answers]
    with opened(stage) as session:
        if missing := sorted({*answers, *READS} - set(session.published.models)):
            raise WarehouseError(
                f"The report reads {', '.join(missing)}, which was never published:",
                "build everything once: `refera run`.",
            )
        sources = statuses(stage, session)
        newest = [source.day for source in sources]
        window = _window(session, stage.clock.today())
        sections = _sections(session, window)
        steps = lineage.read_lineage(ObjectRoot(stage.warehouse, stage.store))
        return Figures(
            as_of=None if None in newest else min(day for day in newest if day is not None),
            published_at=session.published.published_at,
            run_id=session.published.run_id,
            headline=_headline(session),
            series={query.name: read_series(session, query) for section in sections for query in section.series},
            tables={section.number: [read_table(session, query) for query in section.tables] for section in sections},
            not_drawn=_count(session, f"fct_order_lines where ({window.holds('order_date')}) is not true"),
            window=window,
            sources=sources,
            origins=None if steps is None else lineage.origins(steps, answers),
        )


def _sections(session: Session, window: Window) -> tuple[Section, ...]:
    months = session.query(
        "select distinct make_date(stock_year, stock_month, 1) from ans_stock_by_product_and_month order by 1 desc"
    ).fetchall()
    return (
        sales.total(window),
        sales.by_salesperson(),
        service.payments(window),
        sales.by_customer_and_status(),
        service.shipping(window, _last_day(session, window)),
        sales.by_manager_and_cities(),
        service.stock([month for (month,) in months]),
    )


def _last_day(session: Session, window: Window) -> date:
    """The newest captured day of the orders that are published."""
    told = session.published.sources.get("classicmodels.orders", {}).get("day")
    return date.fromisoformat(told) if told else window.last_day


def _window(session: Session, today: date) -> Window:
    """The five years up to the newest order whose date can be believed."""
    found = session.query(
        f"select max(order_date) from ans_sales_by_order_date where order_date <= date '{today + ONE_YEAR}'"
    ).fetchone()
    last = (found[0] if found else None) or today
    first = date(last.year - MONTHS_DRAWN // 12, last.month, 1) if last.year > MONTHS_DRAWN // 12 else date.min
    return Window(first_month=first, last_month=last.replace(day=1), last_day=last)


def _headline(session: Session) -> dict[str, Any]:
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
        "average_order": quotient(amount, count),
        "late_share": share,
        "late": late,
        "judged": judged,
        "overdue": overdue,
        "cancelled": cancelled,
        "customers": customers,
        "first_order": first,
        "last_order": last,
        "lines_per_order": _tenth(order_lines, count),
        "units_per_line": _tenth(units, order_lines),
    }
    return {name: exact(value) for name, value in numbers.items()}


def _tenth(total: int, count: int) -> Decimal | None:
    return (Decimal(total) / Decimal(count)).quantize(Decimal("0.1"), ROUND_HALF_UP) if count else None


def _count(session: Session, relation: str) -> int:
    found = session.query(f"select count(*) from {relation}").fetchone()
    return int(found[0]) if found else 0
