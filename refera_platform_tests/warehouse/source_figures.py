"""Figures of the source as the shop of the tests would give them: rows, money and groups of each table, as SQL."""

MONEY = {
    "orderdetails": "select count(*), sum(units * unit_price) from stg_classicmodels__orderdetails",
    "payments": "select count(*), sum(payment_amount) from stg_classicmodels__payments",
    "orders": "select count(*), null from stg_classicmodels__orders",
    "products": "select count(*), sum(quantity_in_stock * buy_price) from stg_classicmodels__products",
}
"""Rows and money of each table whose answers are compared with the source's own."""
LINES = "stg_classicmodels__orderdetails left join stg_classicmodels__orders using (order_number)"
GROUPS = {
    ("orderdetails", "product"): ("product_code", "sum(units * unit_price)", LINES),
    ("orderdetails", "status"): ("upper(order_status) || ' '", "sum(units * unit_price)", LINES),
    ("orderdetails", "customer"): ("customer_number", "sum(units * unit_price)", LINES),
    ("orderdetails", "month"): ("strftime(order_date, '%Y-%m')", "sum(units * unit_price)", LINES),
    ("orders", "month"): ("strftime(order_date, '%Y-%m')", "null", "stg_classicmodels__orders"),
    ("payments", "month"): ("strftime(payment_date, '%Y-%m')", "sum(payment_amount)", "stg_classicmodels__payments"),
    ("products", "product"): (
        "product_code",
        "sum(quantity_in_stock * buy_price)",
        "stg_classicmodels__products",
    ),
}
"""Groups of the same tables, in a spelling that the source may choose: (value, money, relation)."""
