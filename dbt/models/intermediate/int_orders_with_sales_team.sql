-- Left joins: whatever an order points at may be missing, and its money still counts. Each member is the version
-- that was valid when the order was entered; an order whose entry was not seen on its own day is taken for one of
-- that day's evening.
with

orders as (

    select
        *,
        case
            when entered_on = order_date then entered_position
            else {{ end_of_day('order_date') }}
        end as order_position
    from {{ ref('stg_classicmodels__orders') }}

),

customers as (

    select * from {{ ref('int_customer_versions') }}

),

employees as (

    select * from {{ ref('int_employee_versions') }}

),

offices as (

    select * from {{ ref('int_office_versions') }}
    where is_latest

)

select
    orders.order_number,
    orders.customer_number,
    orders.order_status,
    orders.order_status_folded,
    orders.order_date,
    orders.required_date,
    orders.shipped_date,
    orders.order_position,
    {{ date_key('orders.order_date') }} as order_date_key,
    {{ date_key('orders.required_date') }} as required_date_key,
    {{ date_key('orders.shipped_date') }} as shipped_date_key,
    coalesce(customers.version_key, -1) as customer_key,
    coalesce(sales_reps.version_key, -1) as sales_rep_key,
    coalesce(managers.version_key, -1) as manager_key,
    {{ member_key('offices.office_code_folded') }} as office_key,
    {{ member_key('orders.order_status_folded') }} as order_status_key,
    (orders.customer_number is not null and customers.version_key is null)
    or (customers.sales_rep_number is not null and sales_reps.version_key is null)
    or (sales_reps.manager_number is not null and managers.version_key is null)
    or (sales_reps.office_code is not null and offices.office_code_folded is null) as has_unknown_member,
    orders.order_year_month
from orders
left join customers
    on
        orders.customer_number = customers.customer_number
        and {{ valid_at('orders.order_position', 'customers') }}
left join employees as sales_reps
    on
        customers.sales_rep_number = sales_reps.employee_number
        and {{ valid_at('orders.order_position', 'sales_reps') }}
left join employees as managers
    on
        sales_reps.manager_number = managers.employee_number
        and {{ valid_at('orders.order_position', 'managers') }}
left join offices
    on {{ folded('sales_reps.office_code', 'offices', 'officeCode') }} = offices.office_code_folded
