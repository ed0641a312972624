{#- The month of a day as text, 2026-11; `unknown` for no day. Facts are stored one object a month. -#}
{% macro month_of(day) -%}
    coalesce(substr(cast({{ day }} as string), 1, 7), 'unknown')
{%- endmacro %}

{#- Whole months of a whole-number year and month. -#}
{% macro month_named(year, month) -%}
    lpad(cast({{ year }} as string), 4, '0') || '-' || lpad(cast({{ month }} as string), 2, '0')
{%- endmacro %}
