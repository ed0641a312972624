{#-
    The rows that a source table has now: of each key the newest change, unless that change was a
    deletion. Positions order the changes of a table; a key that came back after its deletion is there.
-#}
{% macro current_rows(changes, key) -%}
    select *
    from (
        select
            *,
            row_number() over (
                partition by {% for name in key %}{{ column(name) }}{{ ", " if not loop.last }}{% endfor %}
                order by {{ column('_position') }} desc
            ) as recency
        from {{ changes }}
    ) as newest_first
    where recency = 1 and {{ column('_op') }} <> 'd'
{%- endmacro %}
