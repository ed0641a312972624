{#- Whole days from one date to another; negative when the second is the earlier one. -#}
{% macro days_between(first, last) -%}
    {{ adapter.dispatch('days_between', 'refera')(first, last) }}
{%- endmacro %}

{% macro duckdb__days_between(first, last) -%}
    cast(date_diff('day', {{ first }}, {{ last }}) as integer)
{%- endmacro %}

{% macro spark__days_between(first, last) -%}
    datediff({{ last }}, {{ first }})
{%- endmacro %}

{% macro snowflake__days_between(first, last) -%}
    datediff(day, {{ first }}, {{ last }})
{%- endmacro %}

{#- Follows `from spans`: repeats each row for every day of its span, as `each_day.date_day`. -#}
{% macro for_each_day(first, last) -%}
    {{ adapter.dispatch('for_each_day', 'refera')(first, last) }}
{%- endmacro %}

{% macro duckdb__for_each_day(first, last) -%}
    cross join unnest(generate_series({{ first }}, {{ last }}, interval 1 day)) as each_day (date_day)
{%- endmacro %}

{% macro spark__for_each_day(first, last) -%}
    lateral view explode(
        case when {{ first }} <= {{ last }} then sequence({{ first }}, {{ last }}, interval 1 day) end
    ) each_day as date_day
{%- endmacro %}

{% macro snowflake__for_each_day(first, last) -%}
    cross join lateral (
        select dateadd(day, value, {{ first }}) as date_day
        from table(flatten(array_generate_range(0, datediff(day, {{ first }}, {{ last }}) + 1)))
    ) as each_day
{%- endmacro %}

{#- The name with this number, counted from 1, out of a list; NULL for no number. -#}
{% macro name_of(number, names) -%}
    case {{ number }}
        {%- for name in names %}
        when {{ loop.index }} then '{{ name }}'
        {%- endfor %}
    end
{%- endmacro %}
