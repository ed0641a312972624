{#-
    Versions of slowly changing dimensions (SCD type 2).

    Position of a change among all changes of a database, as text that sorts: the day, then the binlog position of its
    transaction. Of `_position` this leaves out the number of snapshots of the table on the day and the number of the row
    within its transaction, which each table counts for itself: rows that are committed together have one position.
    Positions in another binlog than that in which the day began (a replaced server, a reset log) sort after it.
    A table that is read without a binlog shows only the day on which a row differed, so the change counts as the day's last;
    such tables are ordered among themselves by the instants at which they were read.
-#}
{% macro log_position(position, day, seen_at) -%}
    case
        when split_part({{ position }}, '-', 6) <> ''
            then
                {{ day_position(day) }}
                || case when split_part({{ position }}, '-', 2) >= '500000' then '-9' else '-' end
                || split_part({{ position }}, '-', 3)
                || '-' || split_part({{ position }}, '-', 4)
                || '-' || split_part({{ position }}, '-', 5)
        else {{ day_position(day) }} || '-~' || lpad({{ microseconds(seen_at) }}, 20, '0')
    end
{%- endmacro %}

{#- The first part of the positions of a day. -#}
{% macro day_position(day) -%}
    replace(cast({{ day }} as string), '-', '')
{%- endmacro %}

{#- The end of a day, which sorts after every position of the day; after everything for no day. -#}
{% macro end_of_day(day) -%}
    coalesce({{ day_position(day) }}, '') || '~'
{%- endmacro %}

{#-
    The changes of a dimension's members that matter: those that began a version, deletions among them, and each member's
    newest change. Of several changes in one transaction the last counts; a change that changes no attribute begins no
    version; an instant is never earlier than that of the change before it, because the binlog gives the order.

    Its own published rows and the changes since give the same as all changes together, so an incremental build reads no
    older change.
-#}
{% macro version_history(changes, previous, key, attributes) -%}
with

changes as (

    select {{ key }}, {{ attributes | join(', ') }}, changed_at, changed_on, change_position, is_deletion
    from {{ changes }}
    {%- if previous %}
    union all
    select {{ key }}, {{ attributes | join(', ') }}, changed_at, changed_on, change_position, is_deletion
    from {{ previous }}
    {%- endif %}

),

{# The rows of one transaction differ in the last part of their position only. #}
in_log_order as (

    select
        {{ key }}, {{ attributes | join(', ') }}, changed_on, change_position, is_deletion,
        max(changed_at) over (
            partition by {{ key }} order by change_position rows between unbounded preceding and current row
        ) as changed_at,
        row_number() over (
            partition by {{ key }}, regexp_replace(change_position, '-[0-9]+$', '') order by change_position desc
        ) as recency
    from changes

),

last_of_a_transaction as (

    select *
    from in_log_order
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
    The versions of a dimension's members, from their history: each with its surrogate key, the instants between which it was
    valid, and the positions between which facts look it up. The first version is valid since the beginning; a deleted member
    is looked up as it was last. The key of a later version is made of the position of the change that began it, which no
    other change of the table has.

    Positions never decrease: on a day on which the binlog itself began again they would, and two versions be valid at once.
-#}
{% macro versions(history, key) -%}
with

begun as (

    select
        *,
        lead(changed_at) over (partition by {{ key }} order by change_position) as valid_to,
        coalesce(lead(is_deletion) over (partition by {{ key }} order by change_position), false) as is_deleted
    from {{ history }}
    where begins_version

),

numbered as (

    select
        *,
        row_number() over (partition by {{ key }} order by change_position) as version_number
    from begun
    where not is_deletion

),

positioned as (

    select
        *,
        max({{ log_position('change_position', 'changed_on', 'changed_at') }}) over (
            partition by {{ key }} order by change_position rows between unbounded preceding and current row
        ) as began_position
    from numbered

)

select
    *,
    case
        when version_number = 1 then {{ surrogate_key(key) }}
        else {{ surrogate_key("cast(" ~ key ~ " as string) || '@' || change_position") }}
    end as version_key,
    case
        when version_number = 1 then cast('1900-01-01 00:00:00+00' as timestamp with time zone) else changed_at
    end as valid_from,
    lead(change_position) over (partition by {{ key }} order by change_position) is null as is_latest,
    case when version_number = 1 then '' else began_position end as first_position,
    coalesce(
        lead(began_position) over (partition by {{ key }} order by change_position), {{ after_everything() }}
    ) as next_position
from positioned
{%- endmacro %}

{#- A condition of a join: the version of a member that was valid at a position. -#}
{% macro valid_at(position, versions) -%}
    {{ position }} >= {{ versions }}.first_position and {{ position }} < {{ versions }}.next_position
{%- endmacro %}

{#- Sorts after every position and the end of every day. -#}
{% macro after_everything() -%}
    '~~'
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

{#- Columns that every slowly changing dimension has of a version; the unknown member is one version, valid always. -#}
{% macro version_columns(versions) -%}
    coalesce({{ versions }}.valid_from, cast('1900-01-01 00:00:00+00' as timestamp with time zone)) as valid_from,
    {{ versions }}.valid_to,
    cast(coalesce({{ versions }}.version_number, 1) as integer) as version_number,
    {{ versions }}.valid_to is null as is_current,
    coalesce({{ versions }}.is_latest, true) as is_latest,
    coalesce({{ versions }}.is_deleted, false) as is_deleted
{%- endmacro %}
