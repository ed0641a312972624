{%- set columns = [
    'product_code', 'product_name', 'product_line', 'product_scale', 'product_vendor', 'product_description',
    'quantity_in_stock', 'buy_price', 'msrp',
] %}
with

newest as (

    {{ newest_changes(source('classicmodels', 'products'), key=['productCode']) }}

),

cleaned as (

    select
        {{ trimmed('productCode') }} as product_code,
        {{ trimmed('productName') }} as product_name,
        {{ trimmed('productLine') }} as product_line,
        {{ trimmed('productScale') }} as product_scale,
        {{ trimmed('productVendor') }} as product_vendor,
        {{ trimmed('productDescription') }} as product_description,
        cast({{ column('quantityInStock') }} as integer) as quantity_in_stock,
        cast({{ column('buyPrice') }} as decimal(18, 2)) as buy_price,
        cast({{ column('MSRP') }} as decimal(18, 2)) as msrp,
        {{ column('_op') }} = 'd' as is_deletion
    from newest

)

select {{ columns | join(', ') }}
from cleaned
where not is_deletion
{{ and_the_unchanged('stg_classicmodels__products', columns, key=['product_code'], changed='cleaned') }}
