with

order_lines as (

    select * from {{ ref('fct_order_lines') }}

),

customers as (

    select * from {{ ref('dim_customer') }}

),

statuses as (

    select * from {{ ref('dim_order_status') }}

)

select
    order_lines.customer_number,
    customers.customer_name,
    statuses.order_status,
    {{ sales_measures('order_lines') }}
from order_lines
inner join customers on order_lines.customer_key = customers.customer_key
inner join statuses on order_lines.order_status_key = statuses.order_status_key
group by
    order_lines.customer_number,
    customers.customer_name,
    statuses.order_status
