with

stock as (

    select * from {{ ref('int_stock_by_day') }}

)

select
    product_code,
    stock_date,
    product_key,
    {{ date_key('stock_date') }} as stock_date_key,
    quantity_in_stock,
    buy_price,
    stock_value_at_cost,
    is_observed,
    stock_year_month
from stock
