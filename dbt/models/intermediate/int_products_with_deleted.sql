-- A product that was deleted still has a past: its stock of earlier months needs its name.
with

products as (

    select * from {{ ref('stg_classicmodels__products') }}

),

product_changes as (

    select * from {{ ref('stg_classicmodels__product_changes') }}

),

newest_first as (

    select
        *,
        row_number() over (partition by product_code order by change_position desc) as recency
    from product_changes

)

select
    {{ surrogate_key('product_code') }} as product_key,
    product_code,
    product_name,
    product_line,
    product_scale,
    product_vendor,
    product_description,
    buy_price,
    msrp,
    false as is_deleted
from products

union all

select
    {{ surrogate_key('product_code') }} as product_key,
    product_code,
    product_name,
    product_line,
    product_scale,
    product_vendor,
    product_description,
    buy_price,
    msrp,
    true as is_deleted
from newest_first
where recency = 1 and is_deletion
