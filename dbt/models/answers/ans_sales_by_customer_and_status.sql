-- A customer is told by its present name.
with

sales as (

    {{ sales_by(
        'ans_sales_by_customer_and_status',
        {'customer_number': 'order_lines.customer_number', 'order_status': 'statuses.order_status'},
        folds={'order_status': ('orders', 'status')},
    ) }}

),

customers as (

    select * from {{ ref('dim_customer') }}
    where is_latest

),

statuses as (

    select * from {{ ref('dim_order_status') }}

)

select
    sales.customer_number,
    customers.customer_name,
    statuses.order_status,
    sales.orders,
    sales.order_lines,
    sales.units,
    sales.sales_amount,
    sales.cancelled_amount
from sales
left join customers on sales.customer_number = customers.customer_number
left join statuses on sales.order_status = {{ folded('statuses.order_status', 'orders', 'status') }}
