-- Counted, so that an incremental build can subtract the days of the months that it rebuilds and add them again.
with

orders as (

    {{ signed_rows(ref('stg_classicmodels__orders'), published('stg_classicmodels__orders')) }}

),

payments as (

    {{ signed_rows(ref('stg_classicmodels__payments'), published('stg_classicmodels__payments')) }}

),

occurring as (

    select
        order_date as date_day,
        sign as occurrences
    from orders
    union all
    select
        required_date as date_day,
        sign as occurrences
    from orders
    union all
    select
        shipped_date as date_day,
        sign as occurrences
    from orders
    union all
    select
        payment_date as date_day,
        sign as occurrences
    from payments
    {%- if published('int_dates_that_occur') %}
    union all
    select
        date_day,
        occurrences
    from {{ published('int_dates_that_occur') }}
    {%- endif %}

)

select
    date_day,
    cast(sum(occurrences) as bigint) as occurrences
from occurring
where date_day is not null
group by date_day
having sum(occurrences) <> 0
