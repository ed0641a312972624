with

offices as (

    {{ current_rows(source('classicmodels', 'offices'), key=['officeCode']) }}

)

select
    {{ trimmed('officeCode') }} as office_code,
    {{ trimmed('phone') }} as office_phone,
    {{ trimmed('addressLine1') }} as office_address_line_1,
    {{ trimmed('addressLine2') }} as office_address_line_2,
    {{ trimmed('postalCode') }} as office_postal_code,
    {{ trimmed('city') }} as office_city,
    {{ trimmed('state') }} as office_state,
    {{ trimmed('country') }} as office_country,
    {{ trimmed('territory') }} as territory
from offices
