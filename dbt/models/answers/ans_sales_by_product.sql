-- A product is told by its present code, name and line, whatever they were when it was sold; a code that no product
-- has is told as the source compares it.
with

sales as (

    {{ sales_by(
        'ans_sales_by_product',
        {'product_code': 'order_lines.product_code'},
        folds={'product_code': ('products', 'productCode')},
    ) }}

),

products as (

    select * from {{ ref('dim_product') }}
    where is_latest

)

select
    coalesce(products.product_code, sales.product_code) as product_code,
    products.product_name,
    products.product_line,
    sales.orders,
    sales.order_lines,
    sales.units,
    sales.sales_amount,
    sales.cancelled_amount
from sales
left join products on sales.product_code = {{ folded('products.product_code', 'products', 'productCode') }}
