{#- A condition holds for every row; NULL is not enough. -#}
{% test always(model, condition) %}

select *
from {{ model }}
where ({{ condition }}) is not true

{% endtest %}
