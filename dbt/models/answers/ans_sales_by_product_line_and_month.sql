-- A sale stays with the line that its product belonged to when it was ordered.
with

sales as (

    {{ sales_by(
        'ans_sales_by_product_line_and_month',
        {
            'product_line': 'products.product_line',
            'order_year': 'cast(extract(year from order_lines.order_date) as integer)',
            'order_month': 'cast(extract(month from order_lines.order_date) as integer)',
        },
        dimensions={'products': ('dim_product', 'product_key', 'product_key')},
        folds={'product_line': ('productlines', 'productLine')},
    ) }}

),

months as (

    select distinct
        calendar_year,
        calendar_month,
        month_name_en,
        month_name_pt
    from {{ ref('dim_date') }}

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
    sales.order_year,
    sales.order_month,
    sales.orders,
    sales.order_lines,
    sales.units,
    sales.sales_amount,
    sales.cancelled_amount,
    months.month_name_en,
    months.month_name_pt
from sales
left join lines on sales.product_line = lines.product_line_folded
left join months on sales.order_year = months.calendar_year and sales.order_month = months.calendar_month
