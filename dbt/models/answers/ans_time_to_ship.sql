-- A known status has its known spelling, however it was typed.
with

orders as (

    select * from {{ ref('fct_orders') }}

),

known as (

    select * from {{ ref('dim_order_status') }}
    where is_known_status

),

dates as (

    select * from {{ ref('dim_date') }}

)

select
    orders.order_number,
    orders.customer_number,
    coalesce(known.order_status, orders.order_status) as order_status,
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
left join known on orders.order_status_key = known.order_status_key
left join dates on orders.order_date_key = dates.date_key
