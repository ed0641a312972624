"""Report sections of questions 1, 2, 4 and 6: sales by product, salesperson, customer, and city."""

from refera_platform.answers.report.members import customers_sql, distinct_name_sql, employees_sql, products_sql
from refera_platform.answers.report.query import (
    OTHERS_SQL,
    ChartWindow,
    ReportColumn,
    ReportSection,
    SeriesQuery,
    TableQuery,
)

CHART_MEASURES_SQL = "orders, order_lines, units, cast(sales_amount as double) as sales"
TABLE_SUMS_SQL = (
    "sum(orders) as orders, sum(order_lines) as order_lines, sum(units) as units, sum(sales_amount) as sales_amount,"
    " sum(cancelled_amount) as cancelled_amount"
)
CHART_SUMS_SQL = (
    "sum(orders)::bigint as orders, sum(order_lines)::bigint as order_lines, sum(units)::bigint as units,"
    " cast(sum(sales_amount) as double) as sales"
)
ORDER_MONTH_SQL = "case when order_year is not null then make_date(order_year, order_month, 1) end"
LOCAL_MIDNIGHT_FORMAT = "'%Y-%m-%dT00:00:00'"
"""A day as the browser's local midnight: a bare date is read as UTC and falls on the day before west of Greenwich."""


def measure_columns(*, is_orders_summed: bool) -> tuple[ReportColumn, ...]:
    """Columns of the measures of sales."""
    return (
        ReportColumn(name="orders", kind="integer", is_summed=is_orders_summed),
        ReportColumn(name="order_lines", kind="integer", is_summed=True),
        ReportColumn(name="units", kind="integer", is_summed=True),
        ReportColumn(name="sales_amount", kind="amount", is_summed=True),
        ReportColumn(name="cancelled_amount", kind="amount", is_summed=True),
    )


def sales_section(window: ChartWindow) -> ReportSection:
    """Question 1."""
    sold = (
        "select sold.*, products.product_line, case when is_cancelled then sales_amount else 0 end as cancelled_amount"
        f" from fct_order_lines as sold left join ({products_sql()}) as products"
        " on sold.product_code = products.product_code"
        " inner join dim_order_status as statuses on sold.order_status_key = statuses.order_status_key"
    )
    lines = (
        "select product_line, count(distinct order_number) as orders, count(*) as order_lines,"
        " sum(units) as units, sum(sales_amount) as sales_amount, sum(cancelled_amount) as cancelled_amount"
        f" from ({sold}) group by product_line"
    )
    ranked = f"select *, row_number() over (order by sales_amount desc, product_line) as place from ({lines})"
    return ReportSection(
        number=1,
        series=(
            SeriesQuery(
                name="sales_by_month",
                sql=f"select strftime({ORDER_MONTH_SQL}, {LOCAL_MIDNIGHT_FORMAT}) as month, {CHART_MEASURES_SQL}"
                " from ans_sales_by_month"
                f" where {window.contains_sql(ORDER_MONTH_SQL)} order by month",
            ),
            SeriesQuery(
                name="sales_by_day",
                sql=f"select strftime(order_date, {LOCAL_MIDNIGHT_FORMAT}) as day, {CHART_MEASURES_SQL} from"
                " ans_sales_by_order_date"
                f" where {window.contains_sql('order_date')} and order_date > date '{window.last_day}' - 92 order"
                " by day",
            ),
            SeriesQuery(
                name="sales_by_line_and_month",
                sql=f"with sold as ({sold}), lines as ({ranked})"
                f" select strftime(date_trunc('month', sold.order_date), {LOCAL_MIDNIGHT_FORMAT}) as month,"
                f' case when place <= 8 then lines.product_line else {OTHERS_SQL} end as "group",'
                " least(place, 9) as place, sum(sold.units)::bigint as units,"
                " cast(sum(sold.sales_amount) as double) as sales"
                " from sold left join lines on sold.product_line is not distinct from lines.product_line"
                f" where {window.contains_sql('sold.order_date')} group by all order by month, place",
            ),
            SeriesQuery(
                name="sales_by_line",
                sql=f"select product_line as name, place, {CHART_MEASURES_SQL} from ({ranked}) order by place limit 15",
            ),
            SeriesQuery(
                name="best_products",
                sql='select label as name, products.product_line as "group",'
                " row_number() over (order by sales_amount desc, sold.product_code) as place,"
                f" {CHART_MEASURES_SQL} from ans_sales_by_product as sold left join ({products_sql()}) as products"
                " on sold.product_code = products.product_code order by place limit 10",
            ),
        ),
        tables=(
            TableQuery(
                name="years",
                sql=f"select order_year, {TABLE_SUMS_SQL} from ans_sales_by_month group by order_year",
                columns=(ReportColumn(name="order_year", kind="id"), *measure_columns(is_orders_summed=True)),
                order="order_year desc nulls last",
            ),
            TableQuery(
                name="months",
                sql=f"select {ORDER_MONTH_SQL} as month, {TABLE_SUMS_SQL} from ans_sales_by_month group by all",
                columns=(ReportColumn(name="month", kind="month"), *measure_columns(is_orders_summed=True)),
                order="month desc nulls last",
            ),
            TableQuery(
                name="days",
                sql=f"select order_date, {TABLE_SUMS_SQL} from ans_sales_by_order_date group by order_date",
                columns=(ReportColumn(name="order_date", kind="date"), *measure_columns(is_orders_summed=True)),
                order="order_date desc nulls last",
            ),
            TableQuery(
                name="product_lines",
                sql=lines,
                columns=(ReportColumn(name="product_line"), *measure_columns(is_orders_summed=False)),
                order="sales_amount desc, product_line",
            ),
            TableQuery(
                name="products",
                sql=f"select product_code, products.product_name, products.product_line, {TABLE_SUMS_SQL}"
                f" from ans_sales_by_product left join ({products_sql()}) as products using (product_code) group by"
                " all",
                columns=(
                    ReportColumn(name="product_code", kind="id"),
                    ReportColumn(name="product_name"),
                    ReportColumn(name="product_line"),
                    *measure_columns(is_orders_summed=False),
                ),
                order="sales_amount desc, product_code",
            ),
        ),
    )


def salesperson_section() -> ReportSection:
    """Question 2."""
    people = (
        "select employee_number, label, row_number() over (order by sum(sales_amount) desc, employee_number) as place"
        f" from ans_sales_by_salesperson left join ({employees_sql()}) as employees using (employee_number)"
        " group by employee_number, label"
    )
    return ReportSection(
        number=2,
        series=(
            SeriesQuery(
                name="salespeople",
                sql=f"with named as ({people})"
                f' select named.label as name, sold.office_city as "group", named.place, {CHART_SUMS_SQL}'
                " from ans_sales_by_salesperson as sold"
                " inner join named on sold.employee_number is not distinct from named.employee_number"
                " where named.place <= 20 group by all order by place",
            ),
        ),
        tables=(
            TableQuery(
                name="salespeople",
                sql="select employee_number, employee_name as salesperson,"
                f" string_agg(distinct office_city, ', ' order by office_city) as office_city, {TABLE_SUMS_SQL}"
                f" from ans_sales_by_salesperson left join ({employees_sql()}) as employees using (employee_number)"
                " group by employee_number, employee_name",
                columns=(
                    ReportColumn(name="employee_number", kind="id"),
                    ReportColumn(name="salesperson"),
                    ReportColumn(name="office_city"),
                    *measure_columns(is_orders_summed=True),
                ),
                order="sales_amount desc, employee_number",
            ),
        ),
    )


def customer_and_status_section() -> ReportSection:
    """Question 4."""
    sold = "ans_sales_by_customer_and_status"
    named = f"{sold} as sold left join ({customers_sql()}) as customers using (customer_number)"
    ranked = (
        "select customer_number, label, row_number() over (order by sum(sales_amount) desc, customer_number) as place"
        f" from {named} group by customer_number, label"
    )
    return ReportSection(
        number=4,
        series=(
            SeriesQuery(
                name="customers_by_status",
                sql=f"with named as ({ranked})"
                f' select named.label as name, sold.order_status as "group", named.place, {CHART_SUMS_SQL}'
                f" from {sold} as sold"
                " inner join named on sold.customer_number is not distinct from named.customer_number"
                " where named.place <= 20 group by all order by place",
            ),
            SeriesQuery(
                name="statuses",
                sql="select order_status as name, row_number() over (order by sum(orders) desc) as place,"
                f" {CHART_SUMS_SQL}"
                f" from {sold} group by order_status order by place limit 15",
            ),
        ),
        tables=(
            TableQuery(
                name="statuses",
                sql=f"select order_status, {TABLE_SUMS_SQL} from {sold} group by order_status",
                columns=(ReportColumn(name="order_status"), *measure_columns(is_orders_summed=True)),
                order="sales_amount desc, order_status",
            ),
            TableQuery(
                name="customers_and_statuses",
                sql=f"select customer_number, customers.customer_name, order_status, {TABLE_SUMS_SQL} from {named}"
                " group by customer_number, customers.customer_name, order_status",
                columns=(
                    ReportColumn(name="customer_number", kind="id"),
                    ReportColumn(name="customer_name"),
                    ReportColumn(name="order_status"),
                    *measure_columns(is_orders_summed=True),
                ),
                order="sales_amount desc, customer_number, order_status",
            ),
        ),
    )


def manager_and_cities_section() -> ReportSection:
    """Question 6."""
    sold = "ans_sales_by_manager_and_cities"
    names = f"select employee_number as manager_number, employee_name as manager, label from ({employees_sql()})"
    named = f"{sold} as sold left join ({names}) as managers using (manager_number)"
    ranked = (
        "select manager_number, label, row_number() over (order by sum(orders) desc, manager_number) as place"
        f" from {named} group by manager_number, label"
    )
    ranked_cities = (
        "select customer_country, customer_state, customer_city, row_number() over"
        " (order by sum(orders) desc, customer_city, customer_country, customer_state) as place"
        f" from {sold} group by customer_country, customer_state, customer_city"
    )
    return ReportSection(
        number=6,
        series=(
            SeriesQuery(
                name="managers",
                sql=f"with ranked as ({ranked})"
                f' select label as name, sold.office_city as "group", place, {CHART_SUMS_SQL} from {sold} as sold'
                " inner join ranked on sold.manager_number is not distinct from ranked.manager_number"
                " where place <= 15 group by all order by place",
            ),
            SeriesQuery(
                name="cities",
                sql=f"with places as ({ranked_cities}), labelled as (select *,"
                f" {distinct_name_sql('customer_city', 'customer_country')} as name from places where place <= 20),"
                f" offices as (select office_city, row_number() over (order by sum(orders) desc, office_city) as rank"
                f" from {sold} group by office_city)"
                f' select labelled.name, case when rank <= 9 then sold.office_city else {OTHERS_SQL} end as "group",'
                f" place, least(rank, 10) as rank, {CHART_SUMS_SQL},"
                " cast(sum(orders) as double) / max(sum(orders)) over () as share"
                f" from {sold} as sold inner join labelled on"
                " (sold.customer_country, sold.customer_state, sold.customer_city) is not distinct from"
                " (labelled.customer_country, labelled.customer_state, labelled.customer_city)"
                " inner join offices on sold.office_city is not distinct from offices.office_city"
                " group by all order by place, rank",
            ),
        ),
        tables=(
            TableQuery(
                name="managers",
                sql=f"select manager_number, manager, {TABLE_SUMS_SQL} from {named} group by manager_number, manager",
                columns=(
                    ReportColumn(name="manager_number", kind="id"),
                    ReportColumn(name="manager"),
                    *measure_columns(is_orders_summed=True),
                ),
                order="orders desc, sales_amount desc, manager_number",
            ),
            TableQuery(
                name="managers_and_cities",
                sql="select manager_number, manager, customer_country, customer_state, customer_city, office_city,"
                f" {TABLE_SUMS_SQL} from {named} group by all",
                columns=(
                    ReportColumn(name="manager"),
                    ReportColumn(name="customer_country"),
                    ReportColumn(name="customer_state"),
                    ReportColumn(name="customer_city"),
                    ReportColumn(name="office_city"),
                    *measure_columns(is_orders_summed=True),
                ),
                order="orders desc, sales_amount desc, manager_number, customer_country, customer_state, customer_city,"
                " office_city",
            ),
        ),
    )
