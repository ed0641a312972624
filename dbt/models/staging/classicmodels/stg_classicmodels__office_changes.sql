-- An office that was closed still has a past, which is only known from the changes.
with

changes as (

    select * from {{ source('classicmodels', 'offices') }}

)

select
    {{ typed('officeCode') }} as office_code,
    {{ folded(typed('officeCode'), 'offices', 'officeCode') }} as office_code_folded,
    {{ trimmed('phone') }} as office_phone,
    {{ trimmed('addressLine1') }} as office_address_line_1,
    {{ trimmed('addressLine2') }} as office_address_line_2,
    {{ trimmed('postalCode') }} as office_postal_code,
    {{ trimmed('city') }} as office_city,
    {{ trimmed('state') }} as office_state,
    {{ trimmed('country') }} as office_country,
    {{ trimmed('territory') }} as territory,
    {{ column('_changed_at') }} as changed_at,
    {{ column('day') }} as changed_on,
    {{ column('_position') }} as change_position,
    {{ column('_op') }} = 'd' as is_deletion
from changes
