-- Counted, so that the orders of the months which a build writes anew can be taken out and put in again.
with

orders as (

    select * from {{ ref('stg_classicmodels__orders') }}

),

met as (

    select
        order_status,
        1 as orders
    from orders
    {%- if published('int_order_statuses_met') %}
    union all
    select
        order_status,
        -1 as orders
    from {{ published('stg_classicmodels__orders') }}
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
