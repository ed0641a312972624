-- When an order was entered decides which version of its customer it belongs to: the first change since its
-- creation gives it, unless the order existed before the first capture.
{%- set columns = [
    'order_number', 'customer_number', 'order_status', 'order_status_folded', 'order_date', 'required_date',
    'shipped_date', 'order_comments', 'entered_position', 'entered_on', 'order_year_month',
] %}
with

changes as (

    select * from {{ source('classicmodels', 'orders') }}

),

newest as (

    {{ newest_changes('changes', key=['orderNumber']) }}

),

deletions as (

    select
        {{ column('orderNumber') }} as order_number,
        max({{ column('_position') }}) as deletion_position
    from changes
    where {{ column('_op') }} = 'd'
    group by {{ column('orderNumber') }}

),

oldest as (

    select
        changes.{{ column('orderNumber') }} as order_number,
        changes.{{ column('_op') }} as first_op,
        {{ log_position(
            'changes.' ~ column('_position'), 'changes.' ~ column('day'), 'changes.' ~ column('_changed_at')
        ) }} as first_position,
        changes.{{ column('day') }} as first_changed_on,
        deletions.order_number is not null as is_recreated,
        row_number() over (
            partition by changes.{{ column('orderNumber') }}
            order by changes.{{ column('_position') }}
        ) as change_number
    from changes
    left join deletions on changes.{{ column('orderNumber') }} = deletions.order_number
    where deletions.order_number is null or changes.{{ column('_position') }} > deletions.deletion_position

),

earlier as (

    {% if published('stg_classicmodels__orders') -%}
    select
        order_number,
        entered_position,
        entered_on
    from {{ published('stg_classicmodels__orders') }}
    {%- else -%}
    select
        cast(null as integer) as order_number,
        cast(null as string) as entered_position,
        cast(null as date) as entered_on
    where false
    {%- endif %}

),

cleaned as (

    select
        cast(newest.{{ column('orderNumber') }} as integer) as order_number,
        cast(newest.{{ column('customerNumber') }} as integer) as customer_number,
        {{ typed('status') }} as order_status,
        {{ folded(typed('status'), 'orders', 'status') }} as order_status_folded,
        cast(newest.{{ column('orderDate') }} as date) as order_date,
        cast(newest.{{ column('requiredDate') }} as date) as required_date,
        cast(newest.{{ column('shippedDate') }} as date) as shipped_date,
        {{ trimmed('comments') }} as order_comments,
        case
            when earlier.order_number is not null and not oldest.is_recreated then earlier.entered_position
            when oldest.first_op = 'c' then oldest.first_position
        end as entered_position,
        case
            when earlier.order_number is not null and not oldest.is_recreated then earlier.entered_on
            when oldest.first_op = 'c' then oldest.first_changed_on
        end as entered_on,
        {{ month_of('cast(newest.' ~ column('orderDate') ~ ' as date)') }} as order_year_month,
        newest.{{ column('_op') }} = 'd' as is_deletion
    from newest
    left join oldest on newest.{{ column('orderNumber') }} = oldest.order_number and oldest.change_number = 1
    left join earlier on newest.{{ column('orderNumber') }} = earlier.order_number

)

select {{ columns | join(', ') }}
from cleaned
where not is_deletion
{{ and_the_unchanged(published('stg_classicmodels__orders'), columns, key=['order_number'], changed='cleaned') }}
