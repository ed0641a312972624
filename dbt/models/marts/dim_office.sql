with

offices as (

    select * from {{ ref('int_office_versions') }}
    where is_latest

)

select
    {{ member_key('offices.office_code_folded') }} as office_key,
    offices.office_code,
    offices.office_phone,
    offices.office_address_line_1,
    offices.office_address_line_2,
    offices.office_postal_code,
    offices.office_city,
    offices.office_state,
    offices.office_country,
    offices.territory,
    coalesce(offices.is_deleted, false) as is_deleted
from offices
{{ and_the_unknown_member('offices', 'office_code_folded', 'string') }}
