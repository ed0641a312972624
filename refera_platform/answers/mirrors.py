"""Declared mirrors: the published tables that hold a source table row for row, and how they name its columns.

Compares nothing: ``verify`` does.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Mirror:
    """A published table with one row for each row of a source table."""

    table: str
    """``database.table`` of the source."""
    model: str
    columns: Mapping[str, str]
    """Source column -> column of the model, for the compared columns and the key."""
    as_typed_columns: frozenset[str] = frozenset()
    """Text columns of the source that the model holds unchanged; other texts are trimmed."""
    member_named_columns: frozenset[str] = frozenset()
    """Columns that the model holds as the referred member spells them. The source compares both spellings as equal."""
    where: str = "true"
    """SQL condition of the rows that stand for a source row."""


MIRRORS = (
    Mirror(
        table="classicmodels.orderdetails",
        model="fct_order_lines",
        columns={
            "orderNumber": "order_number",
            "productCode": "product_code",
            "orderLineNumber": "order_line_number",
            "quantityOrdered": "units",
            "priceEach": "unit_price",
        },
        as_typed_columns=frozenset({"productCode"}),
    ),
    Mirror(
        table="classicmodels.orders",
        model="fct_orders",
        columns={
            "orderNumber": "order_number",
            "customerNumber": "customer_number",
            "orderDate": "order_date",
            "requiredDate": "required_date",
            "shippedDate": "shipped_date",
            "status": "order_status",
        },
        as_typed_columns=frozenset({"status"}),
    ),
    Mirror(
        table="classicmodels.payments",
        model="fct_payments",
        columns={
            "customerNumber": "customer_number",
            "checkNumber": "check_number",
            "paymentDate": "payment_date",
            "amount": "payment_amount",
        },
        as_typed_columns=frozenset({"checkNumber"}),
    ),
    Mirror(
        table="classicmodels.customers",
        model="dim_customer",
        columns={
            "customerNumber": "customer_number",
            "customerName": "customer_name",
            "city": "customer_city",
            "state": "customer_state",
            "country": "customer_country",
            "creditLimit": "credit_limit",
            "salesRepEmployeeNumber": "sales_rep_number",
        },
        where="is_current and customer_key <> -1",
    ),
    Mirror(
        table="classicmodels.employees",
        model="dim_employee",
        columns={
            "employeeNumber": "employee_number",
            "firstName": "first_name",
            "lastName": "last_name",
            "jobTitle": "job_title",
            "officeCode": "office_code",
            "reportsTo": "manager_number",
        },
        as_typed_columns=frozenset({"officeCode"}),
        where="is_current and employee_key <> -1",
    ),
    Mirror(
        table="classicmodels.offices",
        model="dim_office",
        columns={"officeCode": "office_code", "city": "office_city", "country": "office_country"},
        as_typed_columns=frozenset({"officeCode"}),
        where="not is_deleted and office_key <> -1",
    ),
    Mirror(
        table="classicmodels.products",
        model="dim_product",
        columns={
            "productCode": "product_code",
            "productName": "product_name",
            "productLine": "product_line",
            "buyPrice": "buy_price",
            "MSRP": "msrp",
        },
        as_typed_columns=frozenset({"productCode"}),
        member_named_columns=frozenset({"productLine"}),
        where="is_current and product_key <> -1",
    ),
)
