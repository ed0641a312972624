-- A sale stays with the manager, the office and the city of the customer that were valid when it was ordered.
with

sales as (

    {{ sales_by(
        'ans_sales_by_manager_and_cities',
        {
            'manager_number': 'managers.employee_number',
            'customer_country': 'customers.customer_country',
            'customer_state': 'customers.customer_state',
            'customer_city': 'customers.customer_city',
            'office_city': 'offices.office_city',
        },
        dimensions={
            'managers': ('dim_employee', 'employee_key', 'manager_key'),
            'customers': ('dim_customer', 'customer_key', 'customer_key'),
            'offices': ('dim_office', 'office_key', 'office_key'),
        },
    ) }}

)

select
    manager_number,
    customer_country,
    customer_state,
    customer_city,
    office_city,
    orders,
    order_lines,
    units,
    sales_amount,
    cancelled_amount
from sales
