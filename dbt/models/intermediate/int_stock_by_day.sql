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

products as (

    select * from {{ ref('int_product_versions') }}

),

capture as (

    select
        max(captured_on) as last_day,
        min(case when is_new then captured_on end) as first_new_day,
        -- the last day that is known as far as it goes
        min(case when is_new and is_continued then captured_on when is_new then captured_on - 1 end) as last_known_day
    from captured_days

),

changes as (

    select
        product_code,
        product_code_folded,
        changed_on,
        quantity_in_stock,
        buy_price,
        is_deletion,
        change_position
    from product_changes
    {%- if published('fct_stock_daily') %}
    union all
    select
        earlier.product_code,
        {{ folded('earlier.product_code', 'products', 'productCode') }} as product_code_folded,
        earlier.stock_date as changed_on,
        earlier.quantity_in_stock,
        earlier.buy_price,
        false as is_deletion,
        '' as change_position
    from {{ published('fct_stock_daily') }} as earlier
    inner join capture on earlier.stock_date = capture.last_known_day
    {%- endif %}

),

newest_of_day_first as (

    select
        *,
        row_number() over (partition by product_code_folded, changed_on order by change_position desc) as recency
    from changes

),

ends_of_day as (

    select * from newest_of_day_first
    where recency = 1

),

with_next as (

    select
        *,
        lead(changed_on) over (partition by product_code_folded order by changed_on) as next_changed_on
    from ends_of_day

),

spans as (

    select
        with_next.product_code,
        with_next.product_code_folded,
        with_next.quantity_in_stock,
        with_next.buy_price,
        case
            when with_next.changed_on < capture.first_new_day then capture.first_new_day
            else with_next.changed_on
        end as first_day,
        coalesce(with_next.next_changed_on - 1, capture.last_day) as last_day
    from with_next
    cross join capture
    where not with_next.is_deletion

),

days as (

    select
        spans.product_code,
        spans.product_code_folded,
        spans.quantity_in_stock,
        spans.buy_price,
        cast(each_day.date_day as date) as stock_date
    from spans
    {{ for_each_day('spans.first_day', 'spans.last_day') }}
    {%- if published('fct_stock_daily') %}
    union all
    select
        earlier.product_code,
        {{ folded('earlier.product_code', 'products', 'productCode') }} as product_code_folded,
        earlier.quantity_in_stock,
        earlier.buy_price,
        earlier.stock_date
    from {{ published('fct_stock_daily') }} as earlier
    cross join capture
    where earlier.stock_date < capture.first_new_day or capture.first_new_day is null
    {%- endif %}

)

select
    days.product_code,
    coalesce(products.version_key, -1) as product_key,
    days.stock_date,
    days.quantity_in_stock,
    days.buy_price,
    cast(days.quantity_in_stock * days.buy_price as decimal(18, 2)) as stock_value_at_cost,
    coalesce(captured_days.is_observed, false) as is_observed,
    days.stock_date = capture.last_day or extract(day from days.stock_date + 1) = 1 as is_end_of_month,
    {{ month_of('days.stock_date') }} as stock_year_month
from days
cross join capture
left join captured_days on days.stock_date = captured_days.captured_on
left join products
    on
        days.product_code_folded = products.product_code_folded
        and {{ valid_at(end_of_day('days.stock_date'), 'products') }}
