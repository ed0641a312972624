{#-
    A model has the rows that the lake counted when it wrote the newest day of a table, and the rows and the money
    that the source had at that moment. What nobody counted then is not compared. `kept_rows` and `kept_money` name
    the totals of the months that a build leaves alone. `newest` names a column of which only the rows with its highest
    value tell of that moment.
-#}
{% test reconciles_with_the_source(model, table, rows, money=none, kept_rows=none, kept_money=none, newest=none) %}

with

here as (

    select
        coalesce({{ rows }}, 0){% if kept_rows %} + {{ kept(model.identifier, kept_rows) }}{% endif %} as row_count,
        {% if money -%}
        cast(
            coalesce({{ money }}, 0){% if kept_money %} + {{ kept(model.identifier, kept_money) }}{% endif %}
            as decimal(38, 6)
        ) as money
        {%- else -%}
        cast(null as decimal(38, 6)) as money
        {%- endif %}
    from {{ model }}{% if newest %} where {{ newest }} = (select max({{ newest }}) from {{ model }}){% endif %}

),

newest_first as (

    select
        *,
        row_number() over (order by captured_on desc) as recency
    from {{ ref('stg_refera__captured_days') }}
    where table_name = '{{ table }}' and is_observed

)

select
    '{{ table }}' as source_table,
    newest_first.captured_on,
    here.row_count as rows_here,
    newest_first.lake_rows as rows_in_the_lake,
    newest_first.source_rows as rows_in_the_source,
    here.money as money_here,
    newest_first.source_money as money_in_the_source
from here
cross join newest_first
where
    newest_first.recency = 1
    and (
        here.row_count <> newest_first.lake_rows
        or here.row_count <> newest_first.source_rows
        or here.money <> newest_first.source_money
    )

{% endtest %}
