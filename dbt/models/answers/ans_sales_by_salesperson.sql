-- Sales without a salesperson are the row whose employee_number is NULL.
with

order_lines as (

    select * from {{ ref('fct_order_lines') }}

),

employees as (

    select * from {{ ref('dim_employee') }}

)

select
    employees.employee_number,
    employees.first_name,
    employees.last_name,
    employees.office_code,
    employees.office_city,
    employees.manager_number,
    {{ sales_measures('order_lines') }}
from order_lines
inner join employees on order_lines.sales_rep_key = employees.employee_key
group by
    employees.employee_number,
    employees.first_name,
    employees.last_name,
    employees.office_code,
    employees.office_city,
    employees.manager_number
