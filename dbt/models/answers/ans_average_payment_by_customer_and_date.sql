-- A customer is told by the name it had on the day of the payment.
with

payments as (

    select * from {{ ref('fct_payments') }}

),

customers as (

    select * from {{ ref('dim_customer') }}

)

select
    payments.customer_number,
    customers.customer_name,
    payments.payment_date,
    count(*) as payments,
    cast(sum(payments.payment_amount) as decimal(18, 2)) as total_amount,
    {{ exact_average('sum(payments.payment_amount)', 'count(*)') }} as average_amount,
    payments.payment_year_month
from payments
inner join customers on payments.customer_key = customers.customer_key
group by
    payments.customer_number,
    customers.customer_name,
    payments.payment_date,
    payments.payment_year_month
