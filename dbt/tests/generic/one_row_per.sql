{#-
    The grain of a model: no two rows share these columns and, unless said otherwise, none is NULL. One query
    instead of a `unique` and a `not_null` for each column.
-#}
{% test one_row_per(model, columns, never_null=true) %}

select
    {{ columns | join(', ') }},
    count(*) as row_count
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1{% if never_null %} or {{ columns | join(' is null or ') }} is null{% endif %}

{% endtest %}
