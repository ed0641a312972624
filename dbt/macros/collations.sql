{#-
    A text folded by the collation of its column in the source (case, accents, blanks at the end): equal for texts that are
    equal to the source. Members are looked up, grouped and joined by it; people see the text as it was typed. For a text
    that refers to another table, name the column that it refers to: both have one collation.

    text: SQL of the text, as typed. table, column: whose values it has. database: ours.
-#}
{% macro folded(text, table, column, database='classicmodels') -%}
    {{ adapter.dispatch('folded', 'refera')(text, database ~ '_' ~ table ~ '_' ~ column) }}
{%- endmacro %}

{#- A function of the build's database for each text of the source, made of what the lake knows of its collation. -#}
{% macro duckdb__folded(text, source_column) -%}
    folded_{{ source_column | lower }}({{ text }})
{%- endmacro %}

{#- Case and blanks at the end; accents need a function like DuckDB's, made of `source/collations.json`. -#}
{% macro spark__folded(text, source_column) -%}
    upper(rtrim({{ text }}))
{%- endmacro %}

{% macro snowflake__folded(text, source_column) -%}
    upper(rtrim({{ text }}))
{%- endmacro %}

{#-
    The name of a group, of whatever kind: folded where names of its kind are a text of the source, and nothing is the empty
    text. folds: kind -> table and column of the source.
-#}
{% macro folded_by_kind(kind, text, folds) -%}
    coalesce(
        case
            {%- for name, column in folds.items() %}
            when {{ kind }} = '{{ name }}' then {{ folded(text, column[0], column[1]) }}
            {%- endfor %}
            when true then {{ text }}
        end,
        ''
    )
{%- endmacro %}
