-- A sale stays with the line that its product belonged to when it was ordered.
with

sales as (

    {{ sales_by(
        'ans_sales_by_product_line',
        {'product_line': 'products.product_line'},
        dimensions={'products': ('dim_product', 'product_key', 'product_key')},
    ) }}

)

select
    product_line,
    orders,
    order_lines,
    units,
    sales_amount,
    cancelled_amount
from sales
