{%- set columns = [
    'customer_number', 'customer_name', 'contact_first_name', 'contact_last_name', 'customer_phone',
    'customer_address_line_1', 'customer_address_line_2', 'customer_postal_code', 'customer_city',
    'customer_state', 'customer_country', 'sales_rep_number', 'credit_limit',
] %}
with

newest as (

    {{ newest_changes(source('classicmodels', 'customers'), key=['customerNumber']) }}

),

cleaned as (

    select
        cast({{ column('customerNumber') }} as integer) as customer_number,
        {{ trimmed('customerName') }} as customer_name,
        {{ trimmed('contactFirstName') }} as contact_first_name,
        {{ trimmed('contactLastName') }} as contact_last_name,
        {{ trimmed('phone') }} as customer_phone,
        {{ trimmed('addressLine1') }} as customer_address_line_1,
        {{ trimmed('addressLine2') }} as customer_address_line_2,
        {{ trimmed('postalCode') }} as customer_postal_code,
        {{ trimmed('city') }} as customer_city,
        {{ trimmed('state') }} as customer_state,
        {{ trimmed('country') }} as customer_country,
        cast({{ column('salesRepEmployeeNumber') }} as integer) as sales_rep_number,
        cast({{ column('creditLimit') }} as decimal(18, 2)) as credit_limit,
        {{ column('_op') }} = 'd' as is_deletion
    from newest

)

select {{ columns | join(', ') }}
from cleaned
where not is_deletion
{{ and_the_unchanged('stg_classicmodels__customers', columns, key=['customer_number'], changed='cleaned') }}
