with

versions as (

    {{ versions(ref('int_product_history'), 'product_code') }}

),

productlines as (

    select * from {{ ref('stg_classicmodels__productlines') }}

)

select
    coalesce(versions.version_key, -1) as product_key,
    versions.product_code,
    versions.product_name,
    versions.product_line,
    productlines.product_line_description,
    versions.product_scale,
    versions.product_vendor,
    versions.product_description,
    versions.buy_price,
    versions.msrp,
    {{ version_columns('versions') }}
from versions
{{ and_the_unknown_member('versions', 'product_code', 'string') }}
left join productlines on versions.product_line = productlines.product_line
