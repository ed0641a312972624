{%- set columns = [
    'customer_number', 'check_number', 'payment_date', 'payment_amount', 'payment_year_month',
] %}
with

newest as (

    {{ newest_changes(source('classicmodels', 'payments'), key=['customerNumber', 'checkNumber']) }}

),

cleaned as (

    select
        cast({{ column('customerNumber') }} as integer) as customer_number,
        {{ typed('checkNumber') }} as check_number,
        cast({{ column('paymentDate') }} as date) as payment_date,
        cast({{ column('amount') }} as decimal(18, 2)) as payment_amount,
        {{ month_of('cast(' ~ column('paymentDate') ~ ' as date)') }} as payment_year_month,
        {{ column('_op') }} = 'd' as is_deletion
    from newest

)

select {{ columns | join(', ') }}
from cleaned
where not is_deletion
{{ and_the_unchanged(
    published('stg_classicmodels__payments'), columns, key=['customer_number', 'check_number'], changed='cleaned'
) }}
