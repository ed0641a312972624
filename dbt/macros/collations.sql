{#-
    A text by which texts are equal that the source calls equal: by the collation of its column there (case, accents, blanks
    at the end). Members are looked up, grouped and joined by it; what people are shown is the text as it was typed.
    Of a text that refers to another table, the column that it refers to is named: both have one collation.

    text: SQL of the text, as typed. table, column: whose values it has. database: ours.
-#}
{% macro folded(text, table, column, database='classicmodels') -%}
    {{ adapter.dispatch('folded', 'refera')(text, database ~ '_' ~ table ~ '_' ~ column) }}
{%- endmacro %}

{#- A function of the build's database for each text of the source, made of what the lake knows of its collation. -#}
{% macro duckdb__folded(text, place) -%}
    folded_{{ place | lower }}({{ text }})
{%- endmacro %}

{#- Case and blanks at the end; accents need a function like DuckDB's, made of `source/collations.json`. -#}
{% macro spark__folded(text, place) -%}
    upper(rtrim({{ text }}))
{%- endmacro %}

{% macro snowflake__folded(text, place) -%}
    upper(rtrim({{ text }}))
{%- endmacro %}

{#-
    The name of a group, of whatever kind: folded where names of its kind are a text of the source, and nothing is the empty
    text. folds: kind -> table and column of the source.
-#}
{% macro folded_by_kind(kind, text, folds) -%}
    coalesce(
        case
            {%- for name, place in folds.items() %}
            when {{ kind }} = '{{ name }}' then {{ folded(text, place[0], place[1]) }}
            {%- endfor %}
            when true then {{ text }}
        end,
        ''
    )
{%- endmacro %}
