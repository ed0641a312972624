"""Report sections of questions 3, 5 and 7: payments, shipping times and stock."""

from datetime import date

from refera_platform.answers.report.members import customers_sql, products_sql
from refera_platform.answers.report.query import (
    OTHERS_SQL,
    ChartWindow,
    ReportColumn,
    ReportSection,
    SeriesQuery,
    TableQuery,
)
from refera_platform.answers.report.sales import LOCAL_MIDNIGHT_FORMAT

LATE_ORDERS_LIMIT_ROWS = 50
"""Late orders that are listed: this many of the latest, and this many of the longest."""
HISTOGRAM_BINS = 30
"""Bars of the histogram of shipping times, whatever the longest time is."""
MAX_STOCK_MONTH_COLUMNS = 12


def payments_section(window: ChartWindow) -> ReportSection:
    """Question 3."""
    paid = "ans_average_payment_by_customer_and_date"
    month = f"strftime(date_trunc('month', payment_date), {LOCAL_MIDNIGHT_FORMAT}) as month"
    chart_sums = (
        "sum(payments)::bigint as payments, cast(sum(total_amount) as double) as paid,"
        " cast(sum(total_amount) as double) / sum(payments) as average"
    )
    by_month = (
        f"select {month}, {chart_sums} from {paid} where {window.contains_sql('payment_date')} group by all"
        " order by month"
    )
    named = f"{paid} as paid left join ({customers_sql()}) as customers using (customer_number)"
    ranked = (
        "select label as name, row_number() over (order by sum(total_amount) desc, customer_number) as place,"
        f" {chart_sums} from {named} group by customer_number, label"
    )
    sums = "sum(payments) as payments, sum(total_amount) as total_amount"
    return ReportSection(
        number=3,
        series=(
            SeriesQuery(name="payments_by_month", sql=by_month),
            SeriesQuery(name="average_payment_by_month", sql=by_month),
            SeriesQuery(
                name="paying_customers",
                sql=f"from ({ranked}) order by place limit 15",
            ),
        ),
        tables=(
            TableQuery(
                name="payments",
                sql=f"select customer_number, customers.customer_name, payment_date, {sums} from {named} group by all",
                columns=(
                    ReportColumn(name="customer_number", kind="id"),
                    ReportColumn(name="customer_name"),
                    ReportColumn(name="payment_date", kind="date"),
                    *_payment_columns(),
                ),
                order="payment_date desc nulls last, total_amount desc, customer_number",
            ),
            TableQuery(
                name="paying_customers",
                sql=f"select customer_number, customers.customer_name, {sums},"
                f" max(payment_date) as newest_payment from {named} group by all",
                columns=(
                    ReportColumn(name="customer_number", kind="id"),
                    ReportColumn(name="customer_name"),
                    *_payment_columns(),
                    ReportColumn(name="newest_payment", kind="date"),
                ),
                order="total_amount desc, customer_number",
            ),
        ),
    )


def _payment_columns() -> tuple[ReportColumn, ...]:
    return (
        ReportColumn(name="payments", kind="integer", is_summed=True),
        ReportColumn(name="total_amount", kind="amount", is_summed=True),
        ReportColumn(name="average_amount", kind="amount", quotient_of=("total_amount", "payments")),
    )


def shipping_section(window: ChartWindow, last_day: date) -> ReportSection:
    """Question 5.

    Args:
        window: The period that charts show.
        last_day: Newest ingested day of the orders; lateness of unshipped orders is judged as of it.
    """
    late = (
        "select shipped.*, customer_name,"
        f" date_diff('day', required_date, coalesce(shipped_date, date '{last_day}')) as days_late"
        f" from ans_time_to_ship as shipped left join ({customers_sql()}) as customers using (customer_number)"
        " where shipped_late"
    )
    columns = (
        ReportColumn(name="order_number", kind="id"),
        ReportColumn(name="customer_name"),
        ReportColumn(name="order_status"),
        ReportColumn(name="order_date", kind="date"),
        ReportColumn(name="required_date", kind="date"),
        ReportColumn(name="shipped_date", kind="date"),
        ReportColumn(name="days_to_ship", kind="integer"),
        ReportColumn(name="days_late", kind="integer"),
    )
    return ReportSection(
        number=5,
        series=(
            SeriesQuery(
                name="days_to_ship",
                sql=_shipping_histogram_sql(),
            ),
            SeriesQuery(
                name="shipping_by_month",
                sql=f"select strftime(date_trunc('month', order_date), {LOCAL_MIDNIGHT_FORMAT}) as month,"
                " avg(days_to_ship) as average,"
                " count(*) as orders, count(*) filter (where shipped_late) as late from ans_time_to_ship"
                f" where {window.contains_sql('order_date')} group by all having average is not null order by month",
            ),
        ),
        tables=(
            TableQuery(
                name="latest_late",
                sql=late,
                columns=columns,
                limit=LATE_ORDERS_LIMIT_ROWS,
                order="shipped_date desc nulls first, days_late desc, order_number desc",
            ),
            TableQuery(
                name="worst_late",
                sql=late,
                columns=columns,
                limit=LATE_ORDERS_LIMIT_ROWS,
                order="days_late desc, shipped_date desc nulls first, order_number desc",
            ),
            TableQuery(
                name="days_to_ship",
                sql="select days_to_ship, count(*) as orders, count(*) filter (where shipped_late) as late_orders"
                " from ans_time_to_ship group by days_to_ship",
                columns=(
                    ReportColumn(name="days_to_ship", kind="id"),
                    ReportColumn(name="orders", kind="integer", is_summed=True),
                    ReportColumn(name="late_orders", kind="integer", is_summed=True),
                ),
                order="days_to_ship nulls last",
            ),
        ),
    )


def _shipping_histogram_sql() -> str:
    """Orders by days to ship. The bars cover 99 % of the orders; the last bar has all longer times. Empty bars stay."""
    outcome = "case when shipped_late then 'late' when shipped_late is null then 'no_date' else 'on_time' end"
    label = (
        f"case when bin < 0 then '< 0' when bin = {HISTOGRAM_BINS} then '≥ ' || {HISTOGRAM_BINS} * width"
        " when width = 1 then bin::varchar else bin * width || '–' || ((bin + 1) * width - 1) end"
    )
    return (
        "with sizes as (select greatest(1, ceil((quantile_disc(days_to_ship, 0.99) + 1) /"
        f" {HISTOGRAM_BINS}))::bigint as width"
        " from ans_time_to_ship where days_to_ship is not null),"
        f" counted as (select greatest(-1, least({HISTOGRAM_BINS}, floor(days_to_ship / width)))::bigint as bin,"
        f" {outcome} as outcome, count(*) as orders from ans_time_to_ship, sizes where days_to_ship is not null"
        " group by all),"
        " bins as (select unnest(range(min(bin), max(bin) + 1)) as bin from counted)"
        f" select bin, {label} as days, coalesce(outcome, 'on_time') as outcome, coalesce(orders, 0) as orders"
        " from bins cross join sizes left join counted using (bin) order by bin, outcome"
    )


def stock_section(months: list[date]) -> ReportSection:
    """Question 7.

    Args:
        months: Months with known stock, newest first. At most twelve fit side by side.
    """
    stock_rows = (
        "(select stock.* replace (products.product_name as product_name, products.product_line as product_line)"
        f" from ans_stock_by_product_and_month as stock left join ({products_sql()}) as products using (product_code))"
    )
    month_of = "make_date(stock_year, stock_month, 1)"
    newest = f"{month_of} = date '{months[0]}'" if months else "false"
    lines = (
        "select product_line, row_number() over (order by sum(stock_value_at_cost) desc, product_line) as place"
        f" from {stock_rows} where {newest} group by product_line"
    )
    month_columns = [
        (f"{month:%Y-%m}", f"sum(quantity_in_stock) filter (where {month_of} = date '{month}')")
        for month in months[:MAX_STOCK_MONTH_COLUMNS]
    ]
    quantities = "".join(f', {sql} as "{name}"' for name, sql in month_columns)
    values = (
        "sum(quantity_in_stock)::bigint as quantity, cast(sum(stock_value_at_cost) as double) as value,"
        " count(distinct product_code) as products"
    )
    value = f"sum(stock_value_at_cost) filter (where {newest}) as stock_value_at_cost"
    return ReportSection(
        number=7,
        series=(
            SeriesQuery(
                name="stock_by_month",
                sql=f"with lines as ({lines}) select strftime({month_of}, {LOCAL_MIDNIGHT_FORMAT}) as month,"
                f' case when place <= 8 then kept.product_line else {OTHERS_SQL} end as "group",'
                f" least(coalesce(place, 9), 9) as place, {values} from {stock_rows} as kept"
                " left join lines on kept.product_line is not distinct from lines.product_line"
                f" where {month_of} > date '{months[0] if months else date.min}' - interval 36 month"
                " group by all order by month, place",
            ),
            SeriesQuery(
                name="stock_value",
                sql=f"with lines as ({lines}) select kept.product_line as name, place, {values} from {stock_rows}"
                " as kept"
                " inner join lines on kept.product_line is not distinct from lines.product_line"
                f" where {newest} group by all order by place limit 15",
            ),
        ),
        tables=(
            TableQuery(
                name="stock",
                sql=f"select product_code, product_name, product_line{quantities}, {value} from {stock_rows} group"
                " by all",
                columns=(
                    ReportColumn(name="product_code", kind="id"),
                    ReportColumn(name="product_name"),
                    ReportColumn(name="product_line"),
                    *(ReportColumn(name=name, kind="integer", is_summed=True) for name, _ in month_columns),
                    ReportColumn(name="stock_value_at_cost", kind="amount", is_summed=True),
                ),
                order="stock_value_at_cost desc nulls last, product_code",
            ),
            TableQuery(
                name="stock_months",
                sql=f"select {month_of} as month, stock_date, count(distinct product_code) as products,"
                " sum(quantity_in_stock) as quantity_in_stock, sum(stock_value_at_cost) as stock_value_at_cost"
                f" from {stock_rows} group by all",
                columns=(
                    ReportColumn(name="month", kind="month"),
                    ReportColumn(name="stock_date", kind="date"),
                    ReportColumn(name="products", kind="integer"),
                    ReportColumn(name="quantity_in_stock", kind="integer"),
                    ReportColumn(name="stock_value_at_cost", kind="amount"),
                ),
                order="month desc",
            ),
        ),
    )
