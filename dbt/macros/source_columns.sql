{#- A column of a source under the source's own spelling, quoted as the engine wants it. -#}
{% macro column(name) -%}
    {{ adapter.quote(name) }}
{%- endmacro %}

{#-
    A text of a source without the blanks around it. Only blanks: tabs and line ends inside or around a
    text were typed by somebody. An empty text stays empty, and NULL stays NULL.
-#}
{% macro trimmed(name) -%}
    trim(cast({{ column(name) }} as string))
{%- endmacro %}

{#-
    A text in a form in which two spellings are one whenever a source may take them for one: without case, accents and
    blanks around it. Coarser than any collation, so sums of it may be compared whatever the collation is; nothing is the
    empty text.
-#}
{% macro same_text(expression) -%}
    {{ adapter.dispatch('same_text', 'refera')(expression) }}
{%- endmacro %}

{% macro duckdb__same_text(expression) -%}
    coalesce(lower(strip_accents(trim({{ expression }}))), '')
{%- endmacro %}

{% macro spark__same_text(expression) -%}
    coalesce(lower(trim({{ expression }})), '')
{%- endmacro %}

{% macro snowflake__same_text(expression) -%}
    coalesce(lower(trim({{ expression }})), '')
{%- endmacro %}
