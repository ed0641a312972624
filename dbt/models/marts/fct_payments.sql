-- A customer is the version that was valid on the evening of the payment date.
with

payments as (

    select
        *,
        {{ end_of_day('payment_date') }} as payment_position
    from {{ ref('stg_classicmodels__payments') }}

),

customers as (

    select * from {{ ref('int_customer_versions') }}

)

select
    payments.customer_number,
    payments.check_number,
    payments.payment_date,
    {{ date_key('payments.payment_date') }} as payment_date_key,
    coalesce(customers.version_key, -1) as customer_key,
    payments.payment_amount,
    payments.payment_year_month
from payments
left join customers
    on
        payments.customer_number = customers.customer_number
        and {{ valid_at('payments.payment_position', 'customers') }}
