-- Counted, so that the days of the months which a build writes anew can be taken out and put in again.
with

orders as (

    select * from {{ ref('stg_classicmodels__orders') }}

),

payments as (

    select * from {{ ref('stg_classicmodels__payments') }}

),

occurring as (

    select
        order_date as date_day,
        1 as occurrences
    from orders
    union all
    select
        required_date as date_day,
        1 as occurrences
    from orders
    union all
    select
        shipped_date as date_day,
        1 as occurrences
    from orders
    union all
    select
        payment_date as date_day,
        1 as occurrences
    from payments
    {%- if published('int_dates_that_occur') %}
    union all
    select
        order_date as date_day,
        -1 as occurrences
    from {{ published('stg_classicmodels__orders') }}
    union all
    select
        required_date as date_day,
        -1 as occurrences
    from {{ published('stg_classicmodels__orders') }}
    union all
    select
        shipped_date as date_day,
        -1 as occurrences
    from {{ published('stg_classicmodels__orders') }}
    union all
    select
        payment_date as date_day,
        -1 as occurrences
    from {{ published('stg_classicmodels__payments') }}
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
