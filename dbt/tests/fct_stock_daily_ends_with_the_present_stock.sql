-- On the last captured day the stock built from changes is the stock that the products have now.
with

stock as (

    select * from {{ ref('fct_stock_daily') }}

),

captured_days as (

    select * from {{ ref('stg_refera__captured_days') }}

),

products as (

    select * from {{ ref('stg_classicmodels__products') }}

),

last_day as (

    select max(captured_on) as captured_on
    from captured_days
    where database_name = 'classicmodels' and table_name = 'products'

),

latest as (

    select
        stock.product_code,
        stock.quantity_in_stock,
        stock.buy_price
    from stock
    inner join last_day on stock.stock_date = last_day.captured_on

)

select
    coalesce(latest.product_code, products.product_code) as product_code,
    latest.quantity_in_stock as quantity_in_fact,
    products.quantity_in_stock as quantity_now
from latest
full outer join products
    on {{ folded('latest.product_code', 'products', 'productCode') }} = products.product_code_folded
where
    latest.quantity_in_stock is distinct from products.quantity_in_stock
    or latest.buy_price is distinct from products.buy_price
    or latest.product_code is null
    or products.product_code is null
