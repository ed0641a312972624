with

sales as (

    {{ sales_by(
        'ans_sales_by_month',
        {
            'order_year': 'cast(extract(year from order_lines.order_date) as integer)',
            'order_month': 'cast(extract(month from order_lines.order_date) as integer)',
        },
    ) }}

),

months as (

    select distinct
        calendar_year,
        calendar_month,
        month_name_en,
        month_name_pt
    from {{ ref('dim_date') }}

)

select
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
left join months on sales.order_year = months.calendar_year and sales.order_month = months.calendar_month
