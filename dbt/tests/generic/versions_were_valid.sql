{#-
    The version that a fact refers to was valid at the position in the log at which the fact happened.

    members: key of the model -> model with the versions of the members. position: SQL of the position, of `facts` or of
    `positioned`. positioned: a model with the positions of the facts, when they have none themselves; by: its columns and
    those of the facts.
-#}
{% test versions_were_valid(model, members, position, positioned=none, by=[]) %}

with

facts as (

    select
        facts.*,
        {{ position }} as fact_position
    from {{ model }} as facts{% if positioned %} left join {{ ref(positioned) }} as positioned using ({{ by | join(', ') }}){% endif %}

)

{% for key, versions in members.items() -%}
select
    '{{ key }}' as key_column,
    facts.{{ key }} as key_value,
    facts.fact_position,
    versions.first_position,
    versions.next_position
from facts
inner join {{ ref(versions) }} as versions on facts.{{ key }} = versions.version_key
where not ({{ valid_at('facts.fact_position', 'versions') }})
{{ "union all" if not loop.last }}
{% endfor %}

{% endtest %}
