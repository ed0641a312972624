{#-
    Totals of a model equal totals of another: each is a pair of aggregates, one `here` and one `there`. The
    rows of a failure name the total and both values; a sum of no rows is 0. `kept_of` is the model whose months a build
    may leave alone, and a total's `kept` is what it is called there. `counts` are columns that count something: a group
    with less than one of it is drift, which a sum over all groups does not show.
-#}
{% test adds_up_to(model, to, totals, kept_of=none, counts=[]) %}

with

here as (

    select
        {% for total in totals -%}
        cast(coalesce({{ total.here }}, 0) as decimal(38, 6)) as total_{{ loop.index }}{{ ", " if not loop.last }}
        {%- endfor %}
    from {{ model }}

),

there as (

    select
        {% for total in totals -%}
        cast(
            coalesce({{ total.there }}, 0){% if total.kept %} + {{ kept(kept_of, total.kept) }}{% endif %}
            as decimal(38, 6)
        ) as total_{{ loop.index }}{{ ", " if not loop.last }}
        {%- endfor %}
    from {{ to }}

)

{% for total in totals -%}
select
    '{{ total.here | replace("'", "''") }}' as total,
    here.total_{{ loop.index }} as value_here,
    there.total_{{ loop.index }} as value_there
from here
cross join there
where here.total_{{ loop.index }} <> there.total_{{ loop.index }}
{{ "union all" if not loop.last }}
{% endfor %}
{%- for column in counts %}
union all
select
    'rows with less than one of {{ column }}' as total,
    cast(count(*) as decimal(38, 6)) as value_here,
    cast(0 as decimal(38, 6)) as value_there
from {{ model }}
where {{ column }} < 1
having count(*) > 0
{%- endfor %}

{% endtest %}
