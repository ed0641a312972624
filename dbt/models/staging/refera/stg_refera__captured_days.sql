-- A day's capture of a large table may be several objects.
with

objects as (

    select * from {{ source('refera', 'captured_days') }}

)

select
    database_name,
    table_name,
    day as captured_on,
    max(case when is_observed then 1 else 0 end) = 1 as is_observed,
    max(captured_at) as captured_at,
    cast(sum(row_count) as bigint) as change_count,
    max(case when is_new then 1 else 0 end) = 1 as is_new,
    max(case when is_continued then 1 else 0 end) = 1 as is_continued,
    max(lake_rows) as lake_rows,
    max(source_rows) as source_rows,
    max(source_money) as source_money
from objects
group by database_name, table_name, day
