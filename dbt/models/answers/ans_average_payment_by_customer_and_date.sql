-- A customer has the name that it had on the day of the payment.
with

payments as (

    select * from {{ ref('fct_payments') }}

),

customers as (

    select * from {{ ref('dim_customer') }}

),

dates as (

    select * from {{ ref('dim_date') }}

),

averages as (

    select
        payments.customer_number,
        customers.customer_name,
        payments.payment_date,
        payments.payment_date_key,
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
        payments.payment_date_key,
        payments.payment_year_month

)

select
    averages.customer_number,
    averages.customer_name,
    averages.payment_date,
    averages.payments,
    averages.total_amount,
    averages.average_amount,
    dates.month_name_en,
    dates.month_name_pt,
    dates.weekday_name_en,
    dates.weekday_name_pt,
    averages.payment_year_month
from averages
left join dates on averages.payment_date_key = dates.date_key
