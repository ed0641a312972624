-- Stock is overwritten in place: what it was on an earlier day is only known from the changes.
with

changes as (

    select * from {{ source('classicmodels', 'products') }}

)

select
    {{ product_columns() }},
    {{ column('day') }} as changed_on,
    {{ column('_position') }} as change_position,
    {{ column('_op') }} = 'd' as is_deletion
from changes
