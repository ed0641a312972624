{#- An expression is true for every row, as in dbt_utils; but NULL fails. -#}
{% test expression_is_true(model, expression) %}

select *
from {{ model }}
where ({{ expression }}) is not true

{% endtest %}
