with

orderdetails as (

    {{ current_rows(source('classicmodels', 'orderdetails'), key=['orderNumber', 'productCode']) }}

)

select
    cast({{ column('orderNumber') }} as integer) as order_number,
    {{ trimmed('productCode') }} as product_code,
    cast({{ column('orderLineNumber') }} as integer) as order_line_number,
    cast({{ column('quantityOrdered') }} as integer) as units,
    cast({{ column('priceEach') }} as decimal(18, 2)) as unit_price,
    cast({{ column('quantityOrdered') }} * {{ column('priceEach') }} as decimal(18, 2)) as sales_amount
from orderdetails
