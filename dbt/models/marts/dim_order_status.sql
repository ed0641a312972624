-- A status without a known meaning is a member too, so that no order is lost.
with

met as (

    select
        {{ folded('order_status', 'orders', 'status') }} as order_status_folded,
        min(order_status) as order_status
    from {{ ref('int_order_statuses_met') }}
    group by {{ folded('order_status', 'orders', 'status') }}

),

known as (

    select
        'In Process' as order_status,
        'Taken and not shipped yet' as order_status_meaning
    union all
    select
        'On Hold' as order_status,
        'Waiting, usually for the customer''s credit' as order_status_meaning
    union all
    select
        'Shipped' as order_status,
        'Has left for the customer' as order_status_meaning
    union all
    select
        'Disputed' as order_status,
        'Shipped, and the customer complains' as order_status_meaning
    union all
    select
        'Resolved' as order_status,
        'Shipped, and a complaint is settled' as order_status_meaning
    union all
    select
        'Cancelled' as order_status,
        'Called off; its lines still count as sales' as order_status_meaning

),

statuses as (

    select
        coalesce(known.order_status, met.order_status) as order_status,
        coalesce(
            {{ folded('known.order_status', 'orders', 'status') }}, met.order_status_folded
        ) as order_status_folded,
        known.order_status_meaning,
        known.order_status is not null as is_known_status
    from known
    full outer join met on {{ folded('known.order_status', 'orders', 'status') }} = met.order_status_folded

)

select
    {{ member_key('statuses.order_status_folded') }} as order_status_key,
    statuses.order_status,
    statuses.order_status_meaning,
    statuses.is_known_status,
    {{ is_cancelled('statuses.order_status') }} as is_cancelled
from statuses
{{ and_the_unknown_member('statuses', 'order_status_folded', 'string') }}
