with

sales as (

    {{ sales_by(
        'ans_sales_by_month',
        {
            'order_year': 'cast(extract(year from order_lines.order_date) as integer)',
            'order_month': 'cast(extract(month from order_lines.order_date) as integer)',
        },
    ) }}

)

select
    order_year,
    order_month,
    orders,
    order_lines,
    units,
    sales_amount
from sales
