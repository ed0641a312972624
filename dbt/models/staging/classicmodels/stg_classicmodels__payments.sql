with

payments as (

    {{ current_rows(source('classicmodels', 'payments'), key=['customerNumber', 'checkNumber']) }}

)

select
    cast({{ column('customerNumber') }} as integer) as customer_number,
    {{ trimmed('checkNumber') }} as check_number,
    cast({{ column('paymentDate') }} as date) as payment_date,
    cast({{ column('amount') }} as decimal(18, 2)) as payment_amount
from payments
