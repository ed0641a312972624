with

orders as (

    select * from {{ ref('fct_orders') }}

)

select
    order_number,
    customer_number,
    order_status,
    order_date,
    required_date,
    shipped_date,
    days_to_ship,
    is_shipped_late as shipped_late,
    order_year_month
from orders
