{#-
    Every foreign key of a fact is a key of its dimension; -1, the unknown member, is one. Like dbt's `relationships`, with one
    query for all keys: `keys` gives for each column the dimension (`to`) and its key (`field`). The rows of a failure name
    column and value.
-#}
{% test relationships_to_dimensions(model, keys) %}

{% for column, dimension in keys.items() -%}
select
    '{{ column }}' as key_column,
    facts.{{ column }} as key_value,
    count(*) as row_count
from {{ model }} as facts
left join {{ ref(dimension.to) }} as members on facts.{{ column }} = members.{{ dimension.field }}
where members.{{ dimension.field }} is null
group by facts.{{ column }}
{{ "union all" if not loop.last }}
{% endfor %}

{% endtest %}
