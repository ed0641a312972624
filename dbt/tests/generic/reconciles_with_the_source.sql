{#-
    A model has the rows that the lake counted when it wrote the newest day of a table, and the rows and the money that the
    source had then: in total, and in each group that the source counted. What was not counted then (NULL) is not
    compared; a table that was never captured, while others were, is a failure.

    table: database.table. rows, money: aggregates of the model. kept_rows, kept_money: measures of the months that an
    incremental build does not rebuild. newest: a column of which only the rows with its highest value belong to that
    day. groups: kind of group -> its SQL in the model. folds: kind of group -> table and column of the source that it is
    named by: names are equal that are equal to the source, and NULL is the empty text. A model of which an incremental build
    has some months only is grouped by `month`.
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

model_totals as (

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

all_days as (

    select count(*) as captured_days
    from {{ ref('stg_refera__captured_days') }}

),

model_groups as (

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

source_groups as (

    select
        counted.group_kind,
        {{ folded_by_kind('counted.group_kind', 'counted.group_value', folds) }} as group_value,
        sum(counted.row_count) as row_count,
        sum(counted.money) as money,
        min(case when counted.is_whole then 1 else 0 end) as is_whole
    from {{ ref('stg_refera__source_groups') }} as counted
    inner join newest_day
        on
            counted.database_name = newest_day.database_name
            and counted.table_name = newest_day.table_name
            and counted.captured_on = newest_day.captured_on
    where counted.group_kind in ('{{ groups | join("', '") }}')
    group by counted.group_kind, {{ folded_by_kind('counted.group_kind', 'counted.group_value', folds) }}

),

source_kinds as (

    select
        group_kind,
        min(is_whole) as is_whole
    from source_groups
    group by group_kind

),

compared_groups as (

    select
        coalesce(model_groups.group_kind, source_groups.group_kind) as group_kind,
        coalesce(model_groups.group_value, source_groups.group_value) as group_value,
        coalesce(model_groups.row_count, 0) as rows_here,
        source_groups.row_count as rows_there,
        model_groups.money as money_here,
        source_groups.money as money_there
    from model_groups
    full outer join source_groups
        on model_groups.group_kind = source_groups.group_kind and model_groups.group_value = source_groups.group_value

)

select
    '{{ table }}' as source_table,
    newest_day.captured_on,
    cast(null as {{ dbt.type_string() }}) as group_kind,
    cast(null as {{ dbt.type_string() }}) as group_value,
    model_totals.row_count as rows_here,
    newest_day.lake_rows as rows_in_the_lake,
    newest_day.source_rows as rows_in_the_source,
    model_totals.money as money_here,
    newest_day.source_money as money_in_the_source
from model_totals
cross join all_days
left join newest_day on 1 = 1
where
    (newest_day.captured_on is null and all_days.captured_days > 0)
    or (newest_day.lake_rows is not null and model_totals.row_count is distinct from newest_day.lake_rows)
    or (newest_day.source_rows is not null and model_totals.row_count is distinct from newest_day.source_rows)
    -- money is NULL model_totals only where the test has no money
    or (model_totals.money is not null and newest_day.source_money is not null and model_totals.money <> newest_day.source_money)
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
-- a kind of group that the source did not count then is not compared
inner join source_kinds on compared_groups.group_kind = source_kinds.group_kind
where
    -- a group of the model only may be one of those that were too many to request
    (compared_groups.rows_there is not null or source_kinds.is_whole = 1)
    and (
        compared_groups.rows_here is distinct from compared_groups.rows_there
        {%- if money %}
        or compared_groups.money_here is distinct from compared_groups.money_there
        {%- endif %}
    )
{%- endif %}

{% endtest %}
