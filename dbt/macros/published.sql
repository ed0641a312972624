{#-
    The table of a model in the previous publication, a source of this project; none in a full build, which reads all raw
    objects. An incremental build reads tables without months whole, and of a model that is stored by month the months that
    it rebuilds. Only DuckDB builds incrementally.

    While dbt parses, no table exists and the source itself is returned: so dbt reads both branches of an `if`, and knows
    what a model reads.
-#}
{% macro published(model) -%}
    {%- if not execute -%}
        {{ return(source('published', model)) }}
    {%- endif -%}
    {{ return(adapter.get_relation(database=target.database, schema='published', identifier=model)) }}
{%- endmacro %}

{#-
    The rows of a model with a column `sign`: 1 for its rows now and, in an incremental build, -1 for the published rows that
    they replace. What is summed by sign and added to a published total is the new total.
-#}
{% macro signed_rows(current, previous) -%}
    select
        *,
        1 as sign
    from {{ current }}
    {%- if previous %}
    union all by name
    select
        *,
        -1 as sign
    from {{ previous }}
    {%- endif %}
{%- endmacro %}

{#-
    A measure's total over the months of a published model that this build does not rebuild; 0 in a full build.
    The exporter stores it for each month: see `months.totals` in the model's meta.
-#}
{% macro kept(model, measure) -%}
    {%- set totals = published('kept_totals') -%}
    {%- if totals -%}
        coalesce((
            select sum(total)
            from {{ totals }}
            where model = '{{ model }}' and measure = '{{ measure }}'
        ), 0)
    {%- else -%}
        0
    {%- endif -%}
{%- endmacro %}

{#-
    Follows a `union all`: rows and money of each month of a published model that this build does not rebuild. No rows in a
    full build.
-#}
{% macro kept_months(model, rows, money=none) -%}
    {%- set totals = published('kept_totals') -%}
    {%- if totals -%}
        select
            month as group_value,
            cast(total as bigint) as row_count,
            cast(null as decimal(38, 6)) as money
        from {{ totals }}
        where model = '{{ model }}' and measure = '{{ rows }}'
        {%- if money %}
        union all
        select
            month as group_value,
            0 as row_count,
            cast(total as decimal(38, 6)) as money
        from {{ totals }}
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
