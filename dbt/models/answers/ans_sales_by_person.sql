-- Sales without a salesperson are the row whose employee_number is NULL. A person is one row with its
-- present name, whatever its office and manager were: ans_sales_by_salesperson has a row for each.
with

order_lines as (

    {{ signed_rows(ref('fct_order_lines'), published('fct_order_lines')) }}

),

statuses as (

    {{ signed_rows(ref('dim_order_status'), published('dim_order_status')) }}

),

employees as (

    {{ signed_rows(ref('dim_employee'), published('dim_employee')) }}

),

present_employees as (

    select * from {{ ref('dim_employee') }}
    where is_latest

),

sales as (

    select
        employees.employee_number,
        {{ sales_measures() }}
    from order_lines
    inner join statuses
        on order_lines.order_status_key = statuses.order_status_key and order_lines.sign = statuses.sign
    inner join employees
        on order_lines.sales_rep_key = employees.employee_key and order_lines.sign = employees.sign
    group by employees.employee_number, order_lines.sign
    {%- if published('ans_sales_by_person') %}
    union all
    select
        employee_number,
        orders,
        order_lines,
        units,
        sales_amount,
        cancelled_amount
    from {{ published('ans_sales_by_person') }}
    {%- endif %}

),

totals as (

    select
        employee_number,
        {{ sales_totals() }}
    from sales
    group by employee_number
    having
        {{ sales_are_left() }}

)

select
    totals.employee_number,
    present_employees.first_name,
    present_employees.last_name,
    totals.orders,
    totals.order_lines,
    totals.units,
    totals.sales_amount,
    totals.cancelled_amount
from totals
left join present_employees on totals.employee_number = present_employees.employee_number
