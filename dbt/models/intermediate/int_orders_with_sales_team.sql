-- Left joins: whatever an order points at may be missing, and its money still counts.
with

orders as (

    select * from {{ ref('stg_classicmodels__orders') }}

),

customers as (

    select * from {{ ref('stg_classicmodels__customers') }}

),

employees as (

    select * from {{ ref('stg_classicmodels__employees') }}

),

offices as (

    select * from {{ ref('stg_classicmodels__offices') }}

)

select
    orders.order_number,
    orders.customer_number,
    orders.order_date,
    orders.required_date,
    orders.shipped_date,
    {{ date_key('orders.order_date') }} as order_date_key,
    {{ date_key('orders.required_date') }} as required_date_key,
    {{ date_key('orders.shipped_date') }} as shipped_date_key,
    {{ member_key('customers.customer_number') }} as customer_key,
    {{ member_key('sales_reps.employee_number') }} as sales_rep_key,
    {{ member_key('managers.employee_number') }} as manager_key,
    {{ member_key('offices.office_code') }} as office_key,
    {{ member_key('orders.order_status') }} as order_status_key
from orders
left join customers on orders.customer_number = customers.customer_number
left join employees as sales_reps on customers.sales_rep_number = sales_reps.employee_number
left join employees as managers on sales_reps.manager_number = managers.employee_number
left join offices on sales_reps.office_code = offices.office_code
