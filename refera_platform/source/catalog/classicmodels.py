"""Declared tables of ``classicmodels``, the retailer database of the public MySQL sample.

No table has an ``updated_at``, and statuses, stock and credit are overwritten in place, so only the binlog or a
comparison shows updates and deletes. Children come before their parents: read in this order, a row that is inserted
meanwhile is never captured without the row it references.
"""

from refera_platform.source.table import Grouping, SourceTable

DATABASE = "classicmodels"
ORDER_JOIN = ("orderNumber", "orderNumber")

TABLES = (
    SourceTable(
        database=DATABASE,
        name="orderdetails",
        key=("orderNumber", "productCode"),
        amount=("quantityOrdered", "priceEach"),
        groupings=(
            Grouping(name="product", column="productCode"),
            Grouping(name="status", column="status", of="orders", on=ORDER_JOIN),
            Grouping(name="customer", column="customerNumber", of="orders", on=ORDER_JOIN),
            Grouping(name="month", column="orderDate", of="orders", on=ORDER_JOIN, is_month=True),
        ),
        about="The lines of each order: product, quantity and the price agreed.",
    ),
    SourceTable(
        database=DATABASE,
        name="payments",
        key=("customerNumber", "checkNumber"),
        amount=("amount",),
        groupings=(Grouping(name="month", column="paymentDate", is_month=True),),
        about="Payments received from customers, by check.",
    ),
    SourceTable(
        database=DATABASE,
        name="orders",
        key=("orderNumber",),
        groupings=(Grouping(name="month", column="orderDate", is_month=True),),
        about="Orders of customers; status and shipping date are overwritten in place.",
    ),
    SourceTable(
        database=DATABASE,
        name="customers",
        key=("customerNumber",),
        amount=("creditLimit",),
        about="Customers with their address, credit limit and sales representative.",
    ),
    SourceTable(
        database=DATABASE,
        name="employees",
        key=("employeeNumber",),
        about="Employees with their office, job and the person they report to.",
    ),
    SourceTable(
        database=DATABASE,
        name="offices",
        key=("officeCode",),
        about="Sales offices and their territory.",
    ),
    SourceTable(
        database=DATABASE,
        name="products",
        key=("productCode",),
        amount=("quantityInStock", "buyPrice"),
        groupings=(Grouping(name="product", column="productCode"),),
        about="Scale models for sale, with stock and prices overwritten in place.",
    ),
    SourceTable(
        database=DATABASE,
        name="productlines",
        key=("productLine",),
        about="The lines that products belong to, with their texts and pictures.",
    ),
)
