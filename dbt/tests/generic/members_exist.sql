{#-
    Every key of a fact is a key of the dimension that it points at; -1, the unknown member, is one. One query for all
    keys: `keys` gives for each column the dimension and its key. The rows of a failure name key and value.
-#}
{% test members_exist(model, keys) %}

{% for column, (dimension, key) in keys.items() -%}
select
    '{{ column }}' as key_column,
    facts.{{ column }} as key_value,
    count(*) as row_count
from {{ model }} as facts
left join {{ ref(dimension) }} as members on facts.{{ column }} = members.{{ key }}
where members.{{ key }} is null
group by facts.{{ column }}
{{ "union all" if not loop.last }}
{% endfor %}

{% endtest %}
