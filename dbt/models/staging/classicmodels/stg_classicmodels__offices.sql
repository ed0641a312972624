{%- set columns = [
    'office_code', 'office_phone', 'office_address_line_1', 'office_address_line_2', 'office_postal_code',
    'office_city', 'office_state', 'office_country', 'territory',
] %}
with

newest as (

    {{ newest_changes(source('classicmodels', 'offices'), key=['officeCode']) }}

),

cleaned as (

    select
        {{ trimmed('officeCode') }} as office_code,
        {{ trimmed('phone') }} as office_phone,
        {{ trimmed('addressLine1') }} as office_address_line_1,
        {{ trimmed('addressLine2') }} as office_address_line_2,
        {{ trimmed('postalCode') }} as office_postal_code,
        {{ trimmed('city') }} as office_city,
        {{ trimmed('state') }} as office_state,
        {{ trimmed('country') }} as office_country,
        {{ trimmed('territory') }} as territory,
        {{ column('_op') }} = 'd' as is_deletion
    from newest

)

select {{ columns | join(', ') }}
from cleaned
where not is_deletion
{{ and_the_unchanged('stg_classicmodels__offices', columns, key=['office_code'], changed='cleaned') }}
