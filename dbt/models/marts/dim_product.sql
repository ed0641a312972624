with

products as (

    select * from {{ ref('int_products_with_deleted') }}

),

productlines as (

    select * from {{ ref('stg_classicmodels__productlines') }}

)

select
    coalesce(products.product_key, -1) as product_key,
    products.product_code,
    products.product_name,
    products.product_line,
    productlines.product_line_description,
    products.product_scale,
    products.product_vendor,
    products.product_description,
    products.buy_price,
    products.msrp,
    products.is_deleted
from products
{{ and_the_unknown_member('products', 'product_code', 'string') }}
left join productlines on products.product_line = productlines.product_line
