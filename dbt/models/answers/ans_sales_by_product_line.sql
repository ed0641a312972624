with

order_lines as (

    select * from {{ ref('fct_order_lines') }}

),

products as (

    select * from {{ ref('dim_product') }}

)

select
    products.product_line,
    {{ sales_measures('order_lines') }}
from order_lines
inner join products on order_lines.product_key = products.product_key
group by products.product_line
