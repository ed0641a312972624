with

versions as (

    select * from {{ ref('int_customer_versions') }}

),

employees as (

    select * from {{ ref('int_employee_versions') }}
    where is_latest

)

select
    coalesce(versions.version_key, -1) as customer_key,
    versions.customer_number,
    versions.customer_name,
    versions.contact_first_name,
    versions.contact_last_name,
    versions.customer_phone,
    versions.customer_address_line_1,
    versions.customer_address_line_2,
    versions.customer_postal_code,
    versions.customer_city,
    versions.customer_state,
    versions.customer_country,
    versions.credit_limit,
    versions.sales_rep_number,
    sales_reps.first_name as sales_rep_first_name,
    sales_reps.last_name as sales_rep_last_name,
    {{ version_columns('versions') }}
from versions
{{ and_the_unknown_member('versions', 'customer_number', 'integer') }}
left join employees as sales_reps on versions.sales_rep_number = sales_reps.employee_number
