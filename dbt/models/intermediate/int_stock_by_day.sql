-- A stock holds until it changes. Days before the first capture are not invented, and a deleted product
-- has no stock from the day of its deletion on.
with

product_changes as (

    select * from {{ ref('stg_classicmodels__product_changes') }}

),

captured_days as (

    select * from {{ ref('stg_refera__captured_days') }}
    where database_name = 'classicmodels' and table_name = 'products'

),

newest_of_day_first as (

    select
        *,
        row_number() over (partition by product_code, changed_on order by change_position desc) as recency
    from product_changes

),

ends_of_day as (

    select
        *,
        lead(changed_on) over (partition by product_code order by changed_on) as next_changed_on
    from newest_of_day_first
    where recency = 1

),

capture as (

    select max(captured_on) as last_day
    from captured_days

),

spans as (

    select
        ends_of_day.product_code,
        ends_of_day.quantity_in_stock,
        ends_of_day.buy_price,
        ends_of_day.changed_on as first_day,
        capture.last_day as last_captured_day,
        coalesce(ends_of_day.next_changed_on - 1, capture.last_day) as last_day
    from ends_of_day
    cross join capture
    where not ends_of_day.is_deletion

),

days as (

    select
        spans.product_code,
        spans.quantity_in_stock,
        spans.buy_price,
        spans.last_captured_day,
        cast(each_day.date_day as date) as stock_date
    from spans
    {{ for_each_day('spans.first_day', 'spans.last_day') }}

)

select
    days.product_code,
    days.stock_date,
    days.quantity_in_stock,
    days.buy_price,
    cast(days.quantity_in_stock * days.buy_price as decimal(18, 2)) as stock_value_at_cost,
    coalesce(captured_days.is_observed, false) as is_observed,
    days.stock_date = days.last_captured_day or extract(day from days.stock_date + 1) = 1 as is_end_of_month
from days
left join captured_days on days.stock_date = captured_days.captured_on
