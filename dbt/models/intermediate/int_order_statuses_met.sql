-- Counted, so that an incremental build can subtract the orders of the months that it rebuilds and add them again.
with

orders as (

    {{ signed_rows(ref('stg_classicmodels__orders'), published('stg_classicmodels__orders')) }}

),

met as (

    select
        order_status,
        sign as orders
    from orders
    {%- if published('int_order_statuses_met') %}
    union all
    select
        order_status,
        orders
    from {{ published('int_order_statuses_met') }}
    {%- endif %}

)

select
    order_status,
    cast(sum(orders) as bigint) as orders
from met
where order_status is not null
group by order_status
having sum(orders) <> 0
