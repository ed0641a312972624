{#-
    The grain of a model: no two rows share these columns and, unless said otherwise, none is NULL. One query
    instead of a `unique` and a `not_null` for each column. folds: name of a text -> table and column of the source whose
    values it has: texts are one that are one there.
-#}
{% test one_row_per(model, columns, never_null=true, folds={}) %}

select
    {% for name in columns -%}
    {{ folded(name, folds[name][0], folds[name][1]) if name in folds else name }} as {{ name }},
    {% endfor -%}
    count(*) as row_count
from {{ model }}
group by {% for name in columns %}{{ loop.index }}{{ ", " if not loop.last }}{% endfor %}
having count(*) > 1{% if never_null %} or max(case when {{ columns | join(' is null or ') }} is null then 1 else 0 end) = 1{% endif %}

{% endtest %}
