{#-
    Whether an order with this status is cancelled, by var `cancelled_statuses`. Statuses are typed by people, so their case
    does not matter; an order without a status is not cancelled.
-#}
{% macro is_cancelled(status) -%}
    coalesce(lower({{ status }}) in (
        {%- for name in var('cancelled_statuses') %}'{{ name | lower | replace("'", "''") }}'{{ ", " if not loop.last }}{% endfor -%}
    ), false)
{%- endmacro %}
