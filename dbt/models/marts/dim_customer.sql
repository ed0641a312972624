with

customers as (

    select * from {{ ref('stg_classicmodels__customers') }}

),

employees as (

    select * from {{ ref('stg_classicmodels__employees') }}

)

select
    {{ member_key('customers.customer_number') }} as customer_key,
    customers.customer_number,
    customers.customer_name,
    customers.contact_first_name,
    customers.contact_last_name,
    customers.customer_phone,
    customers.customer_address_line_1,
    customers.customer_address_line_2,
    customers.customer_postal_code,
    customers.customer_city,
    customers.customer_state,
    customers.customer_country,
    customers.credit_limit,
    customers.sales_rep_number,
    sales_reps.first_name as sales_rep_first_name,
    sales_reps.last_name as sales_rep_last_name
from customers
{{ and_the_unknown_member('customers', 'customer_number', 'integer') }}
left join employees as sales_reps on customers.sales_rep_number = sales_reps.employee_number
