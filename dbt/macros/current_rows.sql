{#-
    The rows that the changes leave of a source table: of each key the newest change, deletions among them.
    Positions order the changes of a table; a key that was created again after its deletion exists.
-#}
{% macro newest_changes(changes, key, position='_position') -%}
    select *
    from (
        select
            *,
            row_number() over (
                partition by {% for name in key %}{{ column(name) }}{{ ", " if not loop.last }}{% endfor %}
                order by {{ column(position) }} desc
            ) as recency
        from {{ changes }}
    ) as newest_first
    where recency = 1
{%- endmacro %}

{#-
    Ends a staging model, after `from` its cleaned newest changes: the rows of the previous publication, without those that
    changed since. Nothing in a full build.

    previous: the staging model itself, as published before. columns: its columns, in order. key: those that identify a row.
    changed: a relation with the keys that changed, under the same names.
-#}
{% macro and_the_unchanged(previous, columns, key, changed) -%}
    {%- if previous %}
    union all
    select {% for name in columns %}unchanged.{{ name }}{{ ", " if not loop.last }}{% endfor %}
    from {{ previous }} as unchanged
    where not exists (
        select 1
        from {{ changed }} as changed
        where {% for name in key %}changed.{{ name }} = unchanged.{{ name }}{{ " and " if not loop.last }}{% endfor %}
    )
    {%- endif -%}
{%- endmacro %}
