{#-
    Totals of a model equal totals of another model: each is an aggregate `expression` of the one and a `compare_expression` of
    the other, and a sum of no rows is 0. The rows of a failure name the total and both values. `kept_of` is the model of which an
    incremental build has some months only, and a total's `kept` is its measure there. `counts` are columns that count something:
    a group with less than one of it is wrong, which a sum over all groups does not show.
-#}
{% test equal_totals(model, compare_model, totals, kept_of=none, counts=[]) %}

with

model_totals as (

    select
        {% for total in totals -%}
        cast(coalesce({{ total.expression }}, 0) as decimal(38, 6)) as total_{{ loop.index }}{{ ", " if not loop.last }}
        {%- endfor %}
    from {{ model }}

),

compare_totals as (

    select
        {% for total in totals -%}
        cast(
            coalesce({{ total.compare_expression }}, 0){% if total.kept %} + {{ kept(kept_of, total.kept) }}{% endif %}
            as decimal(38, 6)
        ) as total_{{ loop.index }}{{ ", " if not loop.last }}
        {%- endfor %}
    from {{ compare_model }}

)

{% for total in totals -%}
select
    '{{ total.expression | replace("'", "''") }}' as total,
    model_totals.total_{{ loop.index }} as model_value,
    compare_totals.total_{{ loop.index }} as compare_value
from model_totals
cross join compare_totals
where model_totals.total_{{ loop.index }} <> compare_totals.total_{{ loop.index }}
{{ "union all" if not loop.last }}
{% endfor %}
{%- for column in counts %}
union all
select
    'rows with less than one of {{ column }}' as total,
    cast(count(*) as decimal(38, 6)) as model_value,
    cast(0 as decimal(38, 6)) as compare_value
from {{ model }}
where {{ column }} < 1
having count(*) > 0
{%- endfor %}

{% endtest %}
