{#-
    No two rows have the same values in these columns, as in dbt_utils; and unless `never_null` is false none of them is NULL,
    so that one query does the work of a `unique` and a `not_null` for each column. folds: name of a text -> table and column
    of the source whose values it has: texts are equal that are equal to it.
-#}
{% test unique_combination_of_columns(model, combination_of_columns, never_null=true, folds={}) %}

select
    {% for name in combination_of_columns -%}
    {{ folded(name, folds[name][0], folds[name][1]) if name in folds else name }} as {{ name }},
    {% endfor -%}
    count(*) as row_count
from {{ model }}
group by {% for name in combination_of_columns %}{{ loop.index }}{{ ", " if not loop.last }}{% endfor %}
having count(*) > 1{% if never_null %} or max(case when {{ combination_of_columns | join(' is null or ') }} is null then 1 else 0 end) = 1{% endif %}

{% endtest %}
