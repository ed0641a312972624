with

order_lines as (

    select * from {{ ref('fct_order_lines') }}

),

employees as (

    select * from {{ ref('dim_employee') }}

),

customers as (

    select * from {{ ref('dim_customer') }}

),

offices as (

    select * from {{ ref('dim_office') }}

)

select
    managers.employee_number as manager_number,
    customers.customer_country,
    customers.customer_state,
    customers.customer_city,
    offices.office_city,
    {{ sales_measures('order_lines') }}
from order_lines
inner join employees as managers on order_lines.manager_key = managers.employee_key
inner join customers on order_lines.customer_key = customers.customer_key
inner join offices on order_lines.office_key = offices.office_key
group by
    managers.employee_number,
    customers.customer_country,
    customers.customer_state,
    customers.customer_city,
    offices.office_city
