with

groups as (

    select * from {{ source('refera', 'source_groups') }}

)

select
    database_name,
    table_name,
    day as captured_on,
    group_kind,
    group_value,
    row_count,
    money,
    is_whole
from groups
