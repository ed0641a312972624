{#-
    A model has the rows that the lake counted when it wrote the newest day of a table, and the rows and the money
    that the source had at that moment: together, and in each group that the source was asked for. What nobody counted
    then (NULL there) is not compared; a table that was never captured, while others were, is a failure.

    table: database.table. rows, money: aggregates of the model. kept_rows, kept_money: the totals of the months that a
    build leaves alone. newest: a column of which only the rows with its highest value tell of that moment.
    groups: kind of group -> what it is of the model. folds: kind of group -> table and column of the source that it is named
    by: names are one that are one there, and nothing is the empty text. Of a model of which a build has some months only, that is `month`.
-#}
{% test reconciles_with_the_source(
    model, table, rows, money=none, kept_rows=none, kept_money=none, newest=none, groups={},
    folds={}
) %}
{%- set database_name, table_name = table.split('.') %}

with

model_rows as (

    select *
    from {{ model }}{% if newest %} where {{ newest }} = (select max({{ newest }}) from {{ model }}){% endif %}

),

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
    from model_rows

),

newest_first as (

    select
        *,
        row_number() over (order by captured_on desc) as recency
    from {{ ref('stg_refera__captured_days') }}
    where database_name = '{{ database_name }}' and table_name = '{{ table_name }}' and is_observed

),

newest_day as (

    select * from newest_first
    where recency = 1

),

anything as (

    select count(*) as captured_days
    from {{ ref('stg_refera__captured_days') }}

),

groups_here as (

    {% for kind, expression in groups.items() -%}
    select
        '{{ kind }}' as group_kind,
        {{ folded_by_kind("'" ~ kind ~ "'", 'group_value', folds) }} as group_value,
        sum(row_count) as row_count,
        sum(money) as money
    from (
        select
            cast({{ expression }} as {{ dbt.type_string() }}) as group_value,
            {{ rows }} as row_count,
            cast({{ money or 'null' }} as decimal(38, 6)) as money
        from model_rows
        group by {{ expression }}
        {%- if kind == 'month' and kept_rows %}
        union all
        {{ kept_months(model.identifier, kept_rows, kept_money) }}
        {%- endif %}
    ) as grouped
    group by {{ folded_by_kind("'" ~ kind ~ "'", 'group_value', folds) }}
    {{ "union all" if not loop.last }}
    {% else -%}
    select
        '' as group_kind,
        '' as group_value,
        0 as row_count,
        cast(0 as decimal(38, 6)) as money
    where false
    {%- endfor %}

),

groups_there as (

    select
        asked.group_kind,
        {{ folded_by_kind('asked.group_kind', 'asked.group_value', folds) }} as group_value,
        sum(asked.row_count) as row_count,
        sum(asked.money) as money,
        min(case when asked.is_whole then 1 else 0 end) as is_whole
    from {{ ref('stg_refera__source_groups') }} as asked
    inner join newest_day
        on
            asked.database_name = newest_day.database_name
            and asked.table_name = newest_day.table_name
            and asked.captured_on = newest_day.captured_on
    where asked.group_kind in ('{{ groups | join("', '") }}')
    group by asked.group_kind, {{ folded_by_kind('asked.group_kind', 'asked.group_value', folds) }}

),

kinds_there as (

    select
        group_kind,
        min(is_whole) as is_whole
    from groups_there
    group by group_kind

),

compared_groups as (

    select
        coalesce(groups_here.group_kind, groups_there.group_kind) as group_kind,
        coalesce(groups_here.group_value, groups_there.group_value) as group_value,
        coalesce(groups_here.row_count, 0) as rows_here,
        groups_there.row_count as rows_there,
        groups_here.money as money_here,
        groups_there.money as money_there
    from groups_here
    full outer join groups_there
        on groups_here.group_kind = groups_there.group_kind and groups_here.group_value = groups_there.group_value

)

select
    '{{ table }}' as source_table,
    newest_day.captured_on,
    cast(null as {{ dbt.type_string() }}) as group_kind,
    cast(null as {{ dbt.type_string() }}) as group_value,
    here.row_count as rows_here,
    newest_day.lake_rows as rows_in_the_lake,
    newest_day.source_rows as rows_in_the_source,
    here.money as money_here,
    newest_day.source_money as money_in_the_source
from here
cross join anything
left join newest_day on 1 = 1
where
    (newest_day.captured_on is null and anything.captured_days > 0)
    or (newest_day.lake_rows is not null and here.row_count is distinct from newest_day.lake_rows)
    or (newest_day.source_rows is not null and here.row_count is distinct from newest_day.source_rows)
    -- money is NULL here only where the test was not told of any
    or (here.money is not null and newest_day.source_money is not null and here.money <> newest_day.source_money)
{%- if groups %}
union all
select
    '{{ table }}' as source_table,
    newest_day.captured_on,
    compared_groups.group_kind,
    compared_groups.group_value,
    compared_groups.rows_here,
    cast(null as bigint) as rows_in_the_lake,
    compared_groups.rows_there as rows_in_the_source,
    compared_groups.money_here,
    compared_groups.money_there as money_in_the_source
from compared_groups
cross join newest_day
-- a kind of group that the source was not asked for then is not compared
inner join kinds_there on compared_groups.group_kind = kinds_there.group_kind
where
    -- a group that is here only may be one of those that were too many to be asked for
    (compared_groups.rows_there is not null or kinds_there.is_whole = 1)
    and (
        compared_groups.rows_here is distinct from compared_groups.rows_there
        {%- if money %}
        or compared_groups.money_here is distinct from compared_groups.money_there
        {%- endif %}
    )
{%- endif %}

{% endtest %}
