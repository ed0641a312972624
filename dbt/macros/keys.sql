{#-
    A surrogate key: a positive integer below 2^60 that depends on the natural key alone, so that it is the
    same in every rebuild and on every engine.
-#}
{% macro surrogate_key(natural_key) -%}
    {{ adapter.dispatch('surrogate_key', 'refera')(natural_key) }}
{%- endmacro %}

{% macro duckdb__surrogate_key(natural_key) -%}
    cast('0x' || substr(md5(cast({{ natural_key }} as string)), 1, 15) as bigint)
{%- endmacro %}

{% macro spark__surrogate_key(natural_key) -%}
    cast(conv(substr(md5(cast({{ natural_key }} as string)), 1, 15), 16, 10) as bigint)
{%- endmacro %}

{% macro snowflake__surrogate_key(natural_key) -%}
    cast(to_number(substr(md5(cast({{ natural_key }} as string)), 1, 15), 'XXXXXXXXXXXXXXX') as bigint)
{%- endmacro %}

{#- The key of a member that a left join may have missed: the unknown member, -1, when it did. -#}
{% macro member_key(natural_key) -%}
    case when {{ natural_key }} is null then -1 else {{ surrogate_key(natural_key) }} end
{%- endmacro %}

{#- The key of a day in dim_date, yyyymmdd; -1 for no day. -#}
{% macro date_key(day) -%}
    case
        when {{ day }} is null then -1
        else
            cast(
                extract(year from {{ day }}) * 10000
                + extract(month from {{ day }}) * 100
                + extract(day from {{ day }}) as integer
            )
    end
{%- endmacro %}

{#-
    Follows `from members`: adds one row whose columns are all NULL, which `member_key` then numbers -1. A full join
    with a row that matches none, so that a model lists its columns once.
-#}
{% macro and_the_unknown_member(members, natural_key, type) -%}
    full outer join (select cast(null as {{ type }}) as {{ natural_key }}) as unknown_member
        on {{ members }}.{{ natural_key }} = unknown_member.{{ natural_key }}
{%- endmacro %}
