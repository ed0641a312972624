-- A line lies in the month of its order; one whose order is missing lies in the month `unknown`.
{%- set columns = [
    'order_number', 'product_code', 'product_code_folded', 'order_line_number', 'units', 'unit_price', 'sales_amount',
] %}
with

newest as (

    {{ newest_changes(source('classicmodels', 'orderdetails'), key=['orderNumber', 'productCode']) }}

),

cleaned as (

    select
        cast({{ column('orderNumber') }} as integer) as order_number,
        {{ typed('productCode') }} as product_code,
        {{ folded(typed('productCode'), 'products', 'productCode') }} as product_code_folded,
        cast({{ column('orderLineNumber') }} as integer) as order_line_number,
        cast({{ column('quantityOrdered') }} as integer) as units,
        cast({{ column('priceEach') }} as decimal(18, 2)) as unit_price,
        cast({{ column('quantityOrdered') }} * {{ column('priceEach') }} as decimal(18, 2)) as sales_amount,
        {{ column('_op') }} = 'd' as is_deletion
    from newest

),

lines as (

    select {{ columns | join(', ') }}
    from cleaned
    where not is_deletion
    {{ and_the_unchanged(
        published('stg_classicmodels__orderdetails'), columns, key=['order_number', 'product_code'], changed='cleaned'
    ) }}

),

orders as (

    select * from {{ ref('stg_classicmodels__orders') }}

)

select
    lines.order_number,
    lines.product_code,
    lines.product_code_folded,
    lines.order_line_number,
    lines.units,
    lines.unit_price,
    lines.sales_amount,
    coalesce(orders.order_year_month, 'unknown') as order_year_month
from lines
left join orders on lines.order_number = orders.order_number
