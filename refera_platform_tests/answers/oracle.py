"""The answers as the source itself gives them: plain SQL on its own tables, knowing nothing of lake or dbt.

Written from the contract (names, columns and meaning of each ``ans_`` table) for MariaDB, so that a test
can ask the same question at both ends. Three things are said loudly here because SQL would do them quietly:

- a collation may hold 'NYC' and 'nyc ' equal, so what is grouped by is compared as UTF-8, byte for byte;
- a division keeps four decimals more than its numerator, so an average is computed with twelve;
- a customer without a sales rep, or a rep without a boss, keeps its sales: every join on people is a left one.

    source tables ──▶ ANSWERS[name] ──▶ ask() ──▶ rows in one order ──▶ compared with the published answer
"""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Protocol

Row = tuple[Any, ...]


class Connection(Protocol):
    """As much of a PyMySQL connection as a question needs."""

    def cursor(self) -> Any:
        """A cursor whose rows are tuples."""


def _text(column: str) -> str:
    """A text without blanks around it, compared byte for byte whatever the collation of its table; NULL stays NULL."""
    return f"trim(convert({column} using utf8mb4) collate utf8mb4_nopad_bin)"


SALES = f"""
select
    line.orderNumber,
    line.quantityOrdered,
    line.quantityOrdered * line.priceEach as amount,
    ord.orderDate as order_date,
    year(ord.orderDate) as order_year,
    month(ord.orderDate) as order_month,
    {_text("ord.status")} as order_status,
    customer.customerNumber as customer_number,
    {_text("customer.customerName")} as customer_name,
    {_text("customer.country")} as customer_country,
    {_text("customer.state")} as customer_state,
    {_text("customer.city")} as customer_city,
    {_text("product.productCode")} as product_code,
    {_text("product.productName")} as product_name,
    {_text("product.productLine")} as product_line,
    rep.employeeNumber as employee_number,
    {_text("rep.firstName")} as first_name,
    {_text("rep.lastName")} as last_name,
    rep.reportsTo as manager_number,
    {_text("office.officeCode")} as office_code,
    {_text("office.city")} as office_city
from orderdetails as line
inner join orders as ord on ord.orderNumber = line.orderNumber
inner join products as product on product.productCode = line.productCode
inner join customers as customer on customer.customerNumber = ord.customerNumber
left join employees as rep on rep.employeeNumber = customer.salesRepEmployeeNumber
left join offices as office on office.officeCode = rep.officeCode
"""
"""One row per order line, with everything a sale is asked by."""


def _month_names(day: str) -> str:
    """Names of a date's month in both languages, as two columns."""
    return f"date_format({day}, '%M', 'en_US'), date_format({day}, '%M', 'pt_BR')"


def _day_names(day: str) -> str:
    """Names of a date's month and weekday in both languages, as four columns."""
    # MariaDB's Portuguese leaves out what a working day ends in
    portuguese = f"concat(date_format({day}, '%W', 'pt_BR'), if(weekday({day}) < 5, '-feira', ''))"
    return f"{_month_names(day)}, date_format({day}, '%W', 'en_US'), {portuguese}"


def _sales_by(*columns: str, names: str = "") -> str:
    """Sales added up by ``columns`` of ``SALES``; a group without sales has no row."""
    group = ", ".join(columns)
    return f"""
    select
        {group},
        count(distinct orderNumber) as orders,
        count(*) as order_lines,
        cast(sum(quantityOrdered) as signed) as units,
        cast(sum(amount) as decimal(20, 2)) as sales_amount,
        cast(sum(if(order_status = 'Cancelled', amount, 0)) as decimal(20, 2)) as cancelled_amount
        {names and ","} {names}
    from ({SALES}) as sale
    group by {group}
    """


ANSWERS: Mapping[str, str] = {
    "ans_sales_by_product": _sales_by("product_code", "product_name", "product_line"),
    "ans_sales_by_product_line": _sales_by("product_line"),
    "ans_sales_by_order_date": _sales_by("order_date", names=_day_names("order_date")),
    "ans_sales_by_month": _sales_by("order_year", "order_month", names=_month_names("min(order_date)")),
    "ans_sales_by_product_and_month": _sales_by(
        "product_code",
        "product_name",
        "product_line",
        "order_year",
        "order_month",
        names=_month_names("min(order_date)"),
    ),
    "ans_sales_by_product_line_and_month": _sales_by(
        "product_line", "order_year", "order_month", names=_month_names("min(order_date)")
    ),
    "ans_sales_by_person": _sales_by("employee_number", "first_name", "last_name"),
    "ans_sales_by_salesperson": _sales_by(
        "employee_number", "first_name", "last_name", "office_code", "office_city", "manager_number"
    ),
    "ans_average_payment_by_customer_and_date": f"""
    select
        payment.customerNumber as customer_number,
        {_text("customer.customerName")} as customer_name,
        payment.paymentDate as payment_date,
        count(*) as payments,
        cast(sum(payment.amount) as decimal(20, 2)) as total_amount,
        cast(round(cast(sum(payment.amount) as decimal(38, 12)) / count(*), 6) as decimal(20, 6)) as average_amount,
        {_day_names("payment.paymentDate")}
    from payments as payment
    inner join customers as customer on customer.customerNumber = payment.customerNumber
    group by payment.customerNumber, customer_name, payment.paymentDate
    """,
    "ans_sales_by_customer_and_status": _sales_by("customer_number", "customer_name", "order_status"),
    "ans_sales_by_manager_and_cities": _sales_by(
        "manager_number", "customer_country", "customer_state", "customer_city", "office_city"
    ),
}
"""Name of each answer that the source can give at any time -> SQL with exactly the contract's columns."""


def ship_answer(day: date) -> str:
    """SQL of ``ans_time_to_ship`` as of a last captured day: what is still to be shipped is late when it is overdue."""
    return f"""
    select
        orderNumber as order_number,
        customerNumber as customer_number,
        {_text("status")} as order_status,
        orderDate as order_date,
        requiredDate as required_date,
        shippedDate as shipped_date,
        datediff(shippedDate, orderDate) as days_to_ship,
        case
            when shippedDate is not null then shippedDate > requiredDate
            when status <> 'Cancelled' and requiredDate < '{day}' then true
        end as shipped_late,
        {_day_names("orderDate")}
    from orders
    """


def stock_answer(day: date) -> str:
    """SQL of ``ans_stock_by_product_and_month`` for a source captured within that day's month only, and up to it.

    The source keeps no history of its stock, so all it can tell is what lies there now.
    """
    return f"""
    select
        {_text("productCode")} as product_code,
        {_text("productName")} as product_name,
        {_text("productLine")} as product_line,
        {day.year} as stock_year,
        {day.month} as stock_month,
        quantityInStock as quantity_in_stock,
        cast(quantityInStock * buyPrice as decimal(20, 2)) as stock_value_at_cost,
        date '{day}' as stock_date,
        date '{day}' = last_day('{day}') as is_complete_month,
        {_month_names(f"date '{day}'")}
    from products
    """


def ask(connection: Connection, sql: str) -> list[Row]:
    """The rows of ``sql``, in the order of ``in_order``, at the price of one query."""
    cursor = connection.cursor()
    try:
        cursor.execute(sql)
        return in_order(cursor.fetchall())
    finally:
        cursor.close()


def in_order(rows: Iterable[Iterable[Any]]) -> list[Row]:
    """Rows sorted by every column, NULL first: two engines' answers become comparable with ``==``."""
    return sorted((tuple(row) for row in rows), key=lambda row: [(value is not None, value) for value in row])
