-- Sales without a salesperson are the row whose employee_number is NULL. A sale stays with the office and the
-- manager that its salesperson had when it was ordered; people and offices are told by their present names.
with

sales as (

    {{ sales_by(
        'ans_sales_by_salesperson',
        {
            'employee_number': 'employees.employee_number',
            'office_code': 'employees.office_code',
            'manager_number': 'employees.manager_number',
        },
        dimensions={'employees': ('dim_employee', 'employee_key', 'sales_rep_key')},
        folds={'office_code': ('offices', 'officeCode')},
    ) }}

),

employees as (

    select * from {{ ref('dim_employee') }}
    where is_latest

),

offices as (

    select * from {{ ref('dim_office') }}

)

select
    sales.employee_number,
    employees.first_name,
    employees.last_name,
    coalesce(offices.office_code, sales.office_code) as office_code,
    offices.office_city,
    sales.manager_number,
    sales.orders,
    sales.order_lines,
    sales.units,
    sales.sales_amount,
    sales.cancelled_amount
from sales
left join employees on sales.employee_number = employees.employee_number
left join offices on sales.office_code = {{ folded('offices.office_code', 'offices', 'officeCode') }}
