-- A product has its present name and line, and not those of the day of the sale.
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

months as (

    select distinct
        calendar_year,
        calendar_month,
        month_name_en,
        month_name_pt
    from {{ ref('dim_date') }}

),

sales as (

    select
        {{ folded('order_lines.product_code', 'products', 'productCode') }} as product_code,
        cast(extract(year from order_lines.order_date) as integer) as order_year,
        cast(extract(month from order_lines.order_date) as integer) as order_month,
        {{ sales_measures() }}
    from order_lines
    inner join statuses
        on order_lines.order_status_key = statuses.order_status_key and order_lines.sign = statuses.sign
    group by
        {{ folded('order_lines.product_code', 'products', 'productCode') }},
        cast(extract(year from order_lines.order_date) as integer),
        cast(extract(month from order_lines.order_date) as integer),
        order_lines.sign
    {%- if published('ans_sales_by_product_and_month') %}
    union all
    select
        {{ folded('product_code', 'products', 'productCode') }} as product_code,
        order_year,
        order_month,
        orders,
        order_lines,
        units,
        sales_amount,
        cancelled_amount
    from {{ published('ans_sales_by_product_and_month') }}
    {%- endif %}

),

totals as (

    select
        product_code,
        order_year,
        order_month,
        {{ sales_totals() }}
    from sales
    group by product_code, order_year, order_month
    having
        {{ sales_are_left() }}

)

select
    coalesce(products.product_code, totals.product_code) as product_code,
    products.product_name,
    products.product_line,
    totals.order_year,
    totals.order_month,
    totals.orders,
    totals.order_lines,
    totals.units,
    totals.sales_amount,
    totals.cancelled_amount,
    months.month_name_en,
    months.month_name_pt
from totals
left join products on totals.product_code = {{ folded('products.product_code', 'products', 'productCode') }}
left join months on totals.order_year = months.calendar_year and totals.order_month = months.calendar_month
