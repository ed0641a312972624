-- A line has its own spelling: a product may name it in letters that are the same by the collation only.
with

versions as (

    select * from {{ ref('int_product_versions') }}

),

productlines as (

    select * from {{ ref('stg_classicmodels__productlines') }}

)

select
    coalesce(versions.version_key, -1) as product_key,
    versions.product_code,
    versions.product_name,
    coalesce(productlines.product_line, versions.product_line) as product_line,
    productlines.product_line_description,
    versions.product_scale,
    versions.product_vendor,
    versions.product_description,
    versions.buy_price,
    versions.msrp,
    {{ version_columns('versions') }}
from versions
{{ and_the_unknown_member('versions', 'product_code_folded', 'string') }}
left join productlines
    on {{ folded('versions.product_line', 'productlines', 'productLine') }} = productlines.product_line_folded
