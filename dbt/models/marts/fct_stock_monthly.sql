-- A month is its last captured day, so a product deleted before that day is not in it.
with

stock as (

    select * from {{ ref('int_stock_by_day') }}

)

select
    product_code,
    cast(extract(year from stock_date) as integer) as stock_year,
    cast(extract(month from stock_date) as integer) as stock_month,
    stock_date,
    product_key,
    {{ date_key('stock_date') }} as stock_date_key,
    quantity_in_stock,
    buy_price,
    stock_value_at_cost,
    stock_year_month
from stock
where is_end_of_month
