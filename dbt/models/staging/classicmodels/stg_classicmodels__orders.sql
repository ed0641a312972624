with

orders as (

    {{ current_rows(source('classicmodels', 'orders'), key=['orderNumber']) }}

)

select
    cast({{ column('orderNumber') }} as integer) as order_number,
    cast({{ column('customerNumber') }} as integer) as customer_number,
    {{ trimmed('status') }} as order_status,
    cast({{ column('orderDate') }} as date) as order_date,
    cast({{ column('requiredDate') }} as date) as required_date,
    cast({{ column('shippedDate') }} as date) as shipped_date,
    {{ trimmed('comments') }} as order_comments
from orders
