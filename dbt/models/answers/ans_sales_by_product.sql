-- A product is told by its present name and line, whatever they were when it was sold.
with

sales as (

    {{ sales_by('ans_sales_by_product', {'product_code': 'order_lines.product_code'}) }}

),

products as (

    select * from {{ ref('dim_product') }}
    where is_latest

)

select
    sales.product_code,
    products.product_name,
    products.product_line,
    sales.orders,
    sales.order_lines,
    sales.units,
    sales.sales_amount,
    sales.cancelled_amount
from sales
left join products on sales.product_code = products.product_code
