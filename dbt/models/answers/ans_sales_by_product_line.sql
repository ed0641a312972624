-- A sale stays with the line that its product belonged to when it was ordered.
with

sales as (

    {{ sales_by(
        'ans_sales_by_product_line',
        {'product_line': 'products.product_line'},
        dimensions={'products': ('dim_product', 'product_key', 'product_key')},
        folds={'product_line': ('productlines', 'productLine')},
    ) }}

),

lines as (

    select
        {{ folded('product_line', 'productlines', 'productLine') }} as product_line_folded,
        min(product_line) as product_line
    from {{ ref('dim_product') }}
    group by {{ folded('product_line', 'productlines', 'productLine') }}

)

select
    lines.product_line,
    sales.orders,
    sales.order_lines,
    sales.units,
    sales.sales_amount,
    sales.cancelled_amount
from sales
left join lines on sales.product_line = lines.product_line_folded
