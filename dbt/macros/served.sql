{#-
    Whether the build was given what is published of a model. A build that follows the day's changes gets, in the
    schema `served`, the months that it writes anew as they were (and tables without months whole); a build of
    everything, and every engine but DuckDB, gets nothing and reads all that ever happened.
-#}
{% macro is_served(model) -%}
    {%- if execute and adapter.get_relation(database=target.database, schema='served', identifier=model) -%}
        yes
    {%- endif -%}
{%- endmacro %}

{% macro served(model) -%}
    served.{{ model }}
{%- endmacro %}

{#-
    A measure's total over the months of a published model that this build leaves alone; 0 in a build of
    everything. Written when a month is published: see `months.totals` in the model's meta.
-#}
{% macro kept(model, measure) -%}
    {%- if is_served('kept_totals') | trim -%}
        coalesce((
            select sum(total)
            from {{ served('kept_totals') }}
            where model = '{{ model }}' and measure = '{{ measure }}'
        ), 0)
    {%- else -%}
        0
    {%- endif -%}
{%- endmacro %}

{#-
    To stand after `union all`: rows and money of each month of a published model that this build leaves alone. Nothing
    in a build of everything.
-#}
{% macro kept_months(model, rows, money=none) -%}
    {%- if is_served('kept_totals') | trim -%}
        select
            month as group_value,
            cast(total as bigint) as row_count,
            cast(null as decimal(38, 6)) as money
        from {{ served('kept_totals') }}
        where model = '{{ model }}' and measure = '{{ rows }}'
        {%- if money %}
        union all
        select
            month as group_value,
            0 as row_count,
            cast(total as decimal(38, 6)) as money
        from {{ served('kept_totals') }}
        where model = '{{ model }}' and measure = '{{ money }}'
        {%- endif %}
    {%- else -%}
        select
            cast(null as {{ dbt.type_string() }}) as group_value,
            0 as row_count,
            cast(0 as decimal(38, 6)) as money
        where false
    {%- endif -%}
{%- endmacro %}
