with

sales as (

    {{ sales_by('ans_sales_by_order_date', {'order_date': 'order_lines.order_date'}) }}

),

dates as (

    select * from {{ ref('dim_date') }}

)

select
    sales.order_date,
    sales.orders,
    sales.order_lines,
    sales.units,
    sales.sales_amount,
    sales.cancelled_amount,
    dates.month_name_en,
    dates.month_name_pt,
    dates.weekday_name_en,
    dates.weekday_name_pt
from sales
left join dates on sales.order_date = dates.date_day
