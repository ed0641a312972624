{#- A column of a source under the source's own spelling, quoted as the engine wants it. -#}
{% macro column(name) -%}
    {{ adapter.quote(name) }}
{%- endmacro %}

{#- A text that recognises a row, or refers to one, or groups some: as it was typed. -#}
{% macro typed(name) -%}
    cast({{ column(name) }} as string)
{%- endmacro %}

{#-
    A text for show, without the blanks around it. Only blanks: tabs and line ends inside or around a
    text were typed by somebody. An empty text stays empty, and NULL stays NULL.
-#}
{% macro trimmed(name) -%}
    trim(cast({{ column(name) }} as string))
{%- endmacro %}
