-- A customer is overwritten in place: who sold to it on an earlier day is only known from the changes.
with

changes as (

    select * from {{ source('classicmodels', 'customers') }}

)

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
    {{ column('_changed_at') }} as changed_at,
    {{ column('day') }} as changed_on,
    {{ column('_position') }} as change_position,
    {{ column('_op') }} = 'd' as is_deletion
from changes
