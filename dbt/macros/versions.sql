{#-
    A moment as a sortable whole number: the day that the log puts it in (10^12 each), and within the day its
    distance from midnight in microseconds. The day comes first because the order of changes is the log's and
    the clock of a server may be set back.
-#}
{% macro moment(day, instant) -%}
    {{ adapter.dispatch('moment', 'refera')(day, instant) }}
{%- endmacro %}

{% macro duckdb__moment(day, instant) -%}
    (
        date_diff('day', date '1970-01-01', {{ day }}) * 1000000000000 + 200000000000
        + greatest(
            -200000000000, least(200000000000, epoch_us({{ instant }}) - epoch_us(cast({{ day }} as timestamp)))
        )
    )
{%- endmacro %}

{% macro spark__moment(day, instant) -%}
    (
        datediff({{ day }}, date '1970-01-01') * 1000000000000 + 200000000000
        + greatest(
            -200000000000,
            least(200000000000, unix_micros({{ instant }}) - datediff({{ day }}, date '1970-01-01') * 86400000000)
        )
    )
{%- endmacro %}

{% macro snowflake__moment(day, instant) -%}
    (
        datediff(day, date '1970-01-01', {{ day }}) * 1000000000000 + 200000000000
        + greatest(
            -200000000000,
            least(
                200000000000,
                date_part(epoch_microsecond, {{ instant }}) - datediff(day, date '1970-01-01', {{ day }}) * 86400000000
            )
        )
    )
{%- endmacro %}

{#- The last moment of a day, after everything that the log puts into it; after everything for no day. -#}
{% macro end_of_day(day) -%}
    coalesce(
        {{ days_between("date '1970-01-01'", day) }} * cast(1000000000000 as bigint) + 999999999999,
        9223372036854775806
    )
{%- endmacro %}

{#-
    What is worth keeping of the changes of a dimension's members: those that began a version, a deletion among
    them, and each member's newest change. Of several changes in one instant (of one transaction, say) the last
    counts; a change that changes no attribute begins nothing; an instant is never earlier than that of the
    change before it, because the order is the log's.

    Applied to what it kept before and the changes since, it gives what it gives on all changes together, so
    the published model is all that the next build needs.
-#}
{% macro version_history(changes, model, key, attributes) -%}
with

changes as (

    select {{ key }}, {{ attributes | join(', ') }}, changed_at, changed_on, change_position, is_deletion
    from {{ changes }}
    {%- if is_served(model) | trim %}
    union all
    select {{ key }}, {{ attributes | join(', ') }}, changed_at, changed_on, change_position, is_deletion
    from {{ served(model) }}
    {%- endif %}

),

{# The rows of one transaction differ in the last part of their position only. #}
in_transactions as (

    select
        *,
        dense_rank() over (
            partition by {{ key }} order by regexp_replace(change_position, '-[0-9]+$', '')
        ) as transaction_number
    from changes

),

in_log_order as (

    select
        {{ key }}, {{ attributes | join(', ') }}, changed_on, change_position, is_deletion, transaction_number,
        {{ later_by('max(' ~ later_by('changed_at', '-transaction_number') ~ ') over (
            partition by ' ~ key ~ ' order by change_position rows between unbounded preceding and current row
        )', 'transaction_number') }} as changed_at
    from in_transactions

),

last_of_a_transaction as (

    select *
    from (
        select
            *,
            row_number() over (partition by {{ key }}, transaction_number order by change_position desc) as recency
        from in_log_order
    ) as newest_first
    where recency = 1

),

with_previous as (

    select
        *,
        {% for name in attributes -%}
        lag({{ name }}) over (partition by {{ key }} order by change_position) as previous_{{ name }},
        {% endfor -%}
        lag(is_deletion) over (partition by {{ key }} order by change_position) as previous_is_deletion,
        lead(change_position) over (partition by {{ key }} order by change_position) as next_position
    from last_of_a_transaction

),

compared as (

    select
        *,
        case
            when
                previous_is_deletion is null or previous_is_deletion <> is_deletion
                {%- for name in attributes %}
                or previous_{{ name }} <> {{ name }} or (previous_{{ name }} is null) <> ({{ name }} is null)
                {%- endfor %}
                then true
            else false
        end as is_different
    from with_previous

)

select
    {{ key }},
    {% for name in attributes -%}
    {{ name }},
    {% endfor -%}
    changed_at,
    changed_on,
    change_position,
    is_deletion,
    is_different as begins_version
from compared
where is_different or next_position is null
{%- endmacro %}

{#-
    The versions of a dimension's members from their history: each with its surrogate key, from when to when it
    was valid, and the moments between which it is the one to look up. The first is valid since the beginning;
    a member that is gone is looked up as it was last.
-#}
{% macro versions(history, key) -%}
    select
        numbered.*,
        case
            when version_number = 1 then {{ surrogate_key(key) }}
            else {{ surrogate_key(
                "cast(" ~ key ~ " as string) || '@' || cast(changed_on as string) || '@' || " ~ microseconds('changed_at')
            ) }}
        end as version_key,
        case
            when version_number = 1 then cast('1900-01-01 00:00:00+00' as timestamp with time zone) else changed_at
        end as valid_from,
        case when version_number = 1 then -9223372036854775807 else began_at_moment end as first_moment,
        coalesce(
            lead(began_at_moment) over (partition by {{ key }} order by change_position), 9223372036854775807
        ) as next_moment,
        lead(change_position) over (partition by {{ key }} order by change_position) is null as is_latest
    from (
        select
            *,
            {{ moment('changed_on', 'changed_at') }} as began_at_moment,
            row_number() over (partition by {{ key }} order by change_position) as version_number
        from (
            select
                *,
                lead(changed_at) over (partition by {{ key }} order by change_position) as valid_to,
                coalesce(lead(is_deletion) over (partition by {{ key }} order by change_position), false)
                    as was_deleted
            from {{ history }}
            where begins_version
        ) as begun
        where not is_deletion
    ) as numbered
{%- endmacro %}

{#- An instant as text of whole microseconds. -#}
{% macro microseconds(instant) -%}
    {{ adapter.dispatch('microseconds', 'refera')(instant) }}
{%- endmacro %}

{% macro duckdb__microseconds(instant) -%}
    cast(epoch_us({{ instant }}) as string)
{%- endmacro %}

{% macro spark__microseconds(instant) -%}
    cast(unix_micros({{ instant }}) as string)
{%- endmacro %}

{% macro snowflake__microseconds(instant) -%}
    cast(date_part(epoch_microsecond, {{ instant }}) as string)
{%- endmacro %}

{#- What every slowly changing dimension says of a version; the unknown member is one version, valid always. -#}
{% macro version_columns(versions) -%}
    coalesce({{ versions }}.valid_from, cast('1900-01-01 00:00:00+00' as timestamp with time zone)) as valid_from,
    {{ versions }}.valid_to,
    cast(coalesce({{ versions }}.version_number, 1) as integer) as version_number,
    {{ versions }}.valid_to is null as is_current,
    coalesce({{ versions }}.is_latest, true) as is_latest,
    coalesce({{ versions }}.was_deleted, false) as is_deleted
{%- endmacro %}

{#- An instant that lies a whole number of microseconds after another. -#}
{% macro later_by(instant, number) -%}
    {{ adapter.dispatch('later_by', 'refera')(instant, number) }}
{%- endmacro %}

{% macro duckdb__later_by(instant, number) -%}
    ({{ instant }} + to_microseconds({{ number }}))
{%- endmacro %}

{% macro spark__later_by(instant, number) -%}
    timestampadd(microsecond, {{ number }}, {{ instant }})
{%- endmacro %}

{% macro snowflake__later_by(instant, number) -%}
    timestampadd(microsecond, {{ number }}, {{ instant }})
{%- endmacro %}
