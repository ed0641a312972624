-- A sale stays with the line that its product belonged to when it was ordered.
with

order_lines as (

    {{ signed_rows(ref('fct_order_lines'), published('fct_order_lines')) }}

),

statuses as (

    {{ signed_rows(ref('dim_order_status'), published('dim_order_status')) }}

),

products as (

    {{ signed_rows(ref('dim_product'), published('dim_product')) }}

),

lines as (

    select
        {{ folded('product_line', 'productlines', 'productLine') }} as product_line_folded,
        min(product_line) as product_line
    from {{ ref('dim_product') }}
    group by {{ folded('product_line', 'productlines', 'productLine') }}

),

sales as (

    select
        {{ folded('products.product_line', 'productlines', 'productLine') }} as product_line,
        {{ sales_measures() }}
    from order_lines
    inner join statuses
        on order_lines.order_status_key = statuses.order_status_key and order_lines.sign = statuses.sign
    inner join products
        on order_lines.product_key = products.product_key and order_lines.sign = products.sign
    group by {{ folded('products.product_line', 'productlines', 'productLine') }}, order_lines.sign
    {%- if published('ans_sales_by_product_line') %}
    union all
    select
        {{ folded('product_line', 'productlines', 'productLine') }} as product_line,
        orders,
        order_lines,
        units,
        sales_amount,
        cancelled_amount
    from {{ published('ans_sales_by_product_line') }}
    {%- endif %}

),

totals as (

    select
        product_line,
        {{ sales_totals() }}
    from sales
    group by product_line
    having
        {{ sales_are_left() }}

)

select
    lines.product_line,
    totals.orders,
    totals.order_lines,
    totals.units,
    totals.sales_amount,
    totals.cancelled_amount
from totals
left join lines on totals.product_line = lines.product_line_folded
