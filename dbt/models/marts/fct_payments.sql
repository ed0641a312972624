with

payments as (

    select * from {{ ref('stg_classicmodels__payments') }}

),

customers as (

    select * from {{ ref('stg_classicmodels__customers') }}

)

select
    payments.customer_number,
    payments.check_number,
    payments.payment_date,
    {{ date_key('payments.payment_date') }} as payment_date_key,
    {{ member_key('customers.customer_number') }} as customer_key,
    payments.payment_amount
from payments
left join customers on payments.customer_number = customers.customer_number
