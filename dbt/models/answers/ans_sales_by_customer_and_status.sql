-- A customer has its present name.
with

order_lines as (

    {{ signed_rows(ref('fct_order_lines'), published('fct_order_lines')) }}

),

statuses as (

    {{ signed_rows(ref('dim_order_status'), published('dim_order_status')) }}

),

customers as (

    select * from {{ ref('dim_customer') }}
    where is_latest

),

present_statuses as (

    select * from {{ ref('dim_order_status') }}

),

sales as (

    select
        order_lines.customer_number,
        {{ folded('statuses.order_status', 'orders', 'status') }} as order_status,
        {{ sales_measures() }}
    from order_lines
    inner join statuses
        on order_lines.order_status_key = statuses.order_status_key and order_lines.sign = statuses.sign
    group by
        order_lines.customer_number,
        {{ folded('statuses.order_status', 'orders', 'status') }},
        order_lines.sign
    {%- if published('ans_sales_by_customer_and_status') %}
    union all
    select
        customer_number,
        {{ folded('order_status', 'orders', 'status') }} as order_status,
        orders,
        order_lines,
        units,
        sales_amount,
        cancelled_amount
    from {{ published('ans_sales_by_customer_and_status') }}
    {%- endif %}

),

totals as (

    select
        customer_number,
        order_status,
        {{ sales_totals() }}
    from sales
    group by customer_number, order_status
    having
        {{ sales_are_left() }}

)

select
    totals.customer_number,
    customers.customer_name,
    present_statuses.order_status,
    totals.orders,
    totals.order_lines,
    totals.units,
    totals.sales_amount,
    totals.cancelled_amount
from totals
left join customers on totals.customer_number = customers.customer_number
left join present_statuses on totals.order_status = {{ folded('present_statuses.order_status', 'orders', 'status') }}
