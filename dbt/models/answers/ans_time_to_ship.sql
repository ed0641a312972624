with

orders as (

    select * from {{ ref('fct_orders') }}

),

dates as (

    select * from {{ ref('dim_date') }}

)

select
    orders.order_number,
    orders.customer_number,
    orders.order_status,
    orders.order_date,
    orders.required_date,
    orders.shipped_date,
    orders.days_to_ship,
    orders.is_late as shipped_late,
    dates.month_name_en as order_month_name_en,
    dates.month_name_pt as order_month_name_pt,
    dates.weekday_name_en as order_weekday_name_en,
    dates.weekday_name_pt as order_weekday_name_pt,
    orders.order_year_month
from orders
left join dates on orders.order_date_key = dates.date_key
