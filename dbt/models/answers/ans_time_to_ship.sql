with

orders as (

    select * from {{ ref('fct_orders') }}

),

statuses as (

    select * from {{ ref('dim_order_status') }}

)

select
    orders.order_number,
    orders.customer_number,
    statuses.order_status,
    orders.order_date,
    orders.required_date,
    orders.shipped_date,
    orders.days_to_ship,
    orders.is_shipped_late as shipped_late
from orders
inner join statuses on orders.order_status_key = statuses.order_status_key
