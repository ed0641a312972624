with

orders as (

    select * from {{ ref('int_orders_with_sales_team') }}

),

order_lines as (

    select * from {{ ref('stg_classicmodels__orderdetails') }}

),

captured_days as (

    select * from {{ ref('stg_refera__captured_days') }}
    where database_name = 'classicmodels' and table_name = 'orders'

),

-- an order that is still to be shipped is late, or not, as of this day
last_day as (

    select max(captured_on) as captured_on
    from captured_days

),

line_totals as (

    select
        order_number,
        count(*) as line_count,
        sum(units) as units,
        sum(sales_amount) as sales_amount
    from order_lines
    group by order_number

)

select
    orders.order_number,
    orders.customer_number,
    orders.order_status,
    orders.order_date,
    orders.required_date,
    orders.shipped_date,
    orders.order_date_key,
    orders.required_date_key,
    orders.shipped_date_key,
    orders.customer_key,
    orders.sales_rep_key,
    orders.manager_key,
    orders.office_key,
    orders.order_status_key,
    {{ days_between('orders.order_date', 'orders.shipped_date') }} as days_to_ship,
    case
        when orders.shipped_date > orders.required_date
            then {{ days_between('orders.required_date', 'orders.shipped_date') }}
        when orders.shipped_date <= orders.required_date then 0
    end as days_late,
    orders.shipped_date > orders.required_date as is_shipped_late,
    orders.shipped_date is null and not {{ is_cancelled('orders.order_status') }} as is_open,
    case
        when orders.shipped_date is not null then orders.shipped_date > orders.required_date
        when {{ is_cancelled('orders.order_status') }} then null
        when orders.required_date < last_day.captured_on then true
    end as is_late,
    coalesce(line_totals.line_count, 0) as line_count,
    cast(coalesce(line_totals.units, 0) as bigint) as units,
    cast(coalesce(line_totals.sales_amount, 0) as decimal(18, 2)) as sales_amount,
    orders.has_unknown_member,
    orders.order_year_month
from orders
cross join last_day
left join line_totals on orders.order_number = line_totals.order_number
