-- A sale stays with the manager, the office and the city of the customer that were valid when it was ordered.
with

order_lines as (

    {{ signed_rows(ref('fct_order_lines'), published('fct_order_lines')) }}

),

statuses as (

    {{ signed_rows(ref('dim_order_status'), published('dim_order_status')) }}

),

managers as (

    {{ signed_rows(ref('dim_employee'), published('dim_employee')) }}

),

customers as (

    {{ signed_rows(ref('dim_customer'), published('dim_customer')) }}

),

offices as (

    {{ signed_rows(ref('dim_office'), published('dim_office')) }}

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

),

sales as (

    select
        managers.employee_number as manager_number,
        {{ folded('customers.customer_country', 'customers', 'country') }} as customer_country,
        {{ folded('customers.customer_state', 'customers', 'state') }} as customer_state,
        {{ folded('customers.customer_city', 'customers', 'city') }} as customer_city,
        {{ folded('offices.office_city', 'offices', 'city') }} as office_city,
        {{ sales_measures() }}
    from order_lines
    inner join statuses
        on order_lines.order_status_key = statuses.order_status_key and order_lines.sign = statuses.sign
    inner join managers
        on order_lines.manager_key = managers.employee_key and order_lines.sign = managers.sign
    inner join customers
        on order_lines.customer_key = customers.customer_key and order_lines.sign = customers.sign
    inner join offices
        on order_lines.office_key = offices.office_key and order_lines.sign = offices.sign
    group by
        managers.employee_number,
        {{ folded('customers.customer_country', 'customers', 'country') }},
        {{ folded('customers.customer_state', 'customers', 'state') }},
        {{ folded('customers.customer_city', 'customers', 'city') }},
        {{ folded('offices.office_city', 'offices', 'city') }},
        order_lines.sign
    {%- if published('ans_sales_by_manager_and_cities') %}
    union all
    select
        manager_number,
        {{ folded('customer_country', 'customers', 'country') }} as customer_country,
        {{ folded('customer_state', 'customers', 'state') }} as customer_state,
        {{ folded('customer_city', 'customers', 'city') }} as customer_city,
        {{ folded('office_city', 'offices', 'city') }} as office_city,
        orders,
        order_lines,
        units,
        sales_amount,
        cancelled_amount
    from {{ published('ans_sales_by_manager_and_cities') }}
    {%- endif %}

),

totals as (

    select
        manager_number,
        customer_country,
        customer_state,
        customer_city,
        office_city,
        {{ sales_totals() }}
    from sales
    group by manager_number, customer_country, customer_state, customer_city, office_city
    having
        {{ sales_are_left() }}

)

select
    totals.manager_number,
    customer_cities.customer_country,
    customer_cities.customer_state,
    customer_cities.customer_city,
    office_cities.office_city,
    totals.orders,
    totals.order_lines,
    totals.units,
    totals.sales_amount,
    totals.cancelled_amount
from totals
left join customer_cities
    on
        totals.customer_country is not distinct from customer_cities.country_folded
        and totals.customer_state is not distinct from customer_cities.state_folded
        and totals.customer_city is not distinct from customer_cities.city_folded
left join office_cities on totals.office_city = office_cities.city_folded
