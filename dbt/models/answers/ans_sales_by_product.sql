-- A product has its present code, name and line, and not those of the day of the sale; a code without a product is
-- shown folded.
with

order_lines as (

    {{ signed_rows(ref('fct_order_lines'), published('fct_order_lines')) }}

),

statuses as (

    {{ signed_rows(ref('dim_order_status'), published('dim_order_status')) }}

),

products as (

    select * from {{ ref('dim_product') }}
    where is_latest

),

sales as (

    select
        {{ folded('order_lines.product_code', 'products', 'productCode') }} as product_code,
        {{ sales_measures() }}
    from order_lines
    inner join statuses
        on order_lines.order_status_key = statuses.order_status_key and order_lines.sign = statuses.sign
    group by {{ folded('order_lines.product_code', 'products', 'productCode') }}, order_lines.sign
    {%- if published('ans_sales_by_product') %}
    union all
    select
        {{ folded('product_code', 'products', 'productCode') }} as product_code,
        orders,
        order_lines,
        units,
        sales_amount,
        cancelled_amount
    from {{ published('ans_sales_by_product') }}
    {%- endif %}

),

totals as (

    select
        product_code,
        {{ sales_totals() }}
    from sales
    group by product_code
    having
        {{ sales_are_left() }}

)

select
    coalesce(products.product_code, totals.product_code) as product_code,
    products.product_name,
    products.product_line,
    totals.orders,
    totals.order_lines,
    totals.units,
    totals.sales_amount,
    totals.cancelled_amount
from totals
left join products on totals.product_code = {{ folded('products.product_code', 'products', 'productCode') }}
