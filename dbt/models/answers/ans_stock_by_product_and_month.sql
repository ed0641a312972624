-- A product has the name and the line that it had at the end of the month.
with

stock as (

    select * from {{ ref('fct_stock_monthly') }}

),

products as (

    select * from {{ ref('dim_product') }}

),

dates as (

    select * from {{ ref('dim_date') }}

)

select
    stock.product_code,
    products.product_name,
    products.product_line,
    stock.stock_year,
    stock.stock_month,
    stock.quantity_in_stock,
    stock.stock_value_at_cost,
    stock.stock_date,
    extract(day from stock.stock_date + 1) = 1 as is_complete_month,
    dates.month_name_en,
    dates.month_name_pt,
    stock.stock_year_month
from stock
inner join products on stock.product_key = products.product_key
left join dates on stock.stock_date_key = dates.date_key
