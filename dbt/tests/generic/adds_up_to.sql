{#-
    Totals of a model equal totals of another: each is a pair of aggregates, one `here` and one `there`. The
    rows of a failure name the total and both values; a sum of no rows is 0.
-#}
{% test adds_up_to(model, to, totals) %}

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
        cast(coalesce({{ total.there }}, 0) as decimal(38, 6)) as total_{{ loop.index }}{{ ", " if not loop.last }}
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

{% endtest %}
