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
        folds={
            'customer_country': ('customers', 'country'),
            'customer_state': ('customers', 'state'),
            'customer_city': ('customers', 'city'),
            'office_city': ('offices', 'city'),
        },
    ) }}

),

customer_cities as (

    select
        {{ folded('customer_country', 'customers', 'country') }} as country_folded,
        {{ folded('customer_state', 'customers', 'state') }} as state_folded,
        {{ folded('customer_city', 'customers', 'city') }} as city_folded,
        min(customer_country) as customer_country,
        min(customer_state) as customer_state,
        min(customer_city) as customer_city
    from {{ ref('dim_customer') }}
    group by
        {{ folded('customer_country', 'customers', 'country') }},
        {{ folded('customer_state', 'customers', 'state') }},
        {{ folded('customer_city', 'customers', 'city') }}

),

office_cities as (

    select
        {{ folded('office_city', 'offices', 'city') }} as city_folded,
        min(office_city) as office_city
    from {{ ref('dim_office') }}
    group by {{ folded('office_city', 'offices', 'city') }}

)

select
    sales.manager_number,
    customer_cities.customer_country,
    customer_cities.customer_state,
    customer_cities.customer_city,
    office_cities.office_city,
    sales.orders,
    sales.order_lines,
    sales.units,
    sales.sales_amount,
    sales.cancelled_amount
from sales
left join customer_cities
    on
        sales.customer_country is not distinct from customer_cities.country_folded
        and sales.customer_state is not distinct from customer_cities.state_folded
        and sales.customer_city is not distinct from customer_cities.city_folded
left join office_cities on sales.office_city = office_cities.city_folded
