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
