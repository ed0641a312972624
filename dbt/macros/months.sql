{#- The month of a day as text, 2026-11; `unknown` for no day. Facts are stored one object a month. -#}
{% macro month_of(day) -%}
    coalesce(substr(cast({{ day }} as string), 1, 7), 'unknown')
{%- endmacro %}
