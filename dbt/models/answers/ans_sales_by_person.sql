-- Sales without a salesperson are the row whose employee_number is NULL. A person is told by its present name, whatever
-- office and manager it had when it sold: ans_sales_by_salesperson tells these apart.
with

sales as (

    {{ sales_by(
        'ans_sales_by_person',
        {'employee_number': 'employees.employee_number'},
        dimensions={'employees': ('dim_employee', 'employee_key', 'sales_rep_key')},
    ) }}

),

employees as (

    select * from {{ ref('dim_employee') }}
    where is_latest

)

select
    sales.employee_number,
    employees.first_name,
    employees.last_name,
    sales.orders,
    sales.order_lines,
    sales.units,
    sales.sales_amount,
    sales.cancelled_amount
from sales
left join employees on sales.employee_number = employees.employee_number
