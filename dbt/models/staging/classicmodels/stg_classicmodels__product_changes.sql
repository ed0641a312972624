-- Stock and prices are overwritten in place: what they were is only known from the changes.
with

changes as (

    select * from {{ source('classicmodels', 'products') }}

)

select
    {{ typed('productCode') }} as product_code,
    {{ folded(typed('productCode'), 'products', 'productCode') }} as product_code_folded,
    {{ trimmed('productName') }} as product_name,
    {{ typed('productLine') }} as product_line,
    {{ trimmed('productScale') }} as product_scale,
    {{ trimmed('productVendor') }} as product_vendor,
    {{ trimmed('productDescription') }} as product_description,
    cast({{ column('quantityInStock') }} as integer) as quantity_in_stock,
    cast({{ column('buyPrice') }} as decimal(18, 2)) as buy_price,
    cast({{ column('MSRP') }} as decimal(18, 2)) as msrp,
    {{ column('_changed_at') }} as changed_at,
    {{ column('day') }} as changed_on,
    {{ column('_position') }} as change_position,
    {{ column('_op') }} = 'd' as is_deletion
from changes
