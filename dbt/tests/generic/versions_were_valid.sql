{#-
    The version that a fact points at was valid at the place in the log at which the fact happened.

    members: key of the model -> (model with the history of the members, their own key). position: the place, of `facts`
    or of `placed`. placed: a model with the places of the facts, when they have none themselves; by: its columns and those
    of the facts.
-#}
{% test versions_were_valid(model, members, position, placed=none, by=[]) %}

with

facts as (

    select
        facts.*,
        {{ position }} as fact_position
    from {{ model }} as facts{% if placed %} left join {{ ref(placed) }} as placed using ({{ by | join(', ') }}){% endif %}

)

{% for key, (history, member) in members.items() -%}
select
    '{{ key }}' as key_column,
    facts.{{ key }} as key_value,
    facts.fact_position,
    versions.first_position,
    versions.next_position
from facts
inner join ({{ versions(ref(history), member) }}) as versions on facts.{{ key }} = versions.version_key
where not ({{ valid_at('facts.fact_position', 'versions') }})
{{ "union all" if not loop.last }}
{% endfor %}

{% endtest %}
