{#-
    Whether an order with this status was called off: var `cancelled_statuses` is the business's say. Statuses are
    typed by people, so their case does not matter; an order without a status was not called off.
-#}
{% macro is_cancelled(status) -%}
    coalesce(lower({{ status }}) in (
        {%- for name in var('cancelled_statuses') %}'{{ name | lower | replace("'", "''") }}'{{ ", " if not loop.last }}{% endfor -%}
    ), false)
{%- endmacro %}
