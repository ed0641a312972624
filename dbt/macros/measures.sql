{#- What a sale is counted in, the same in every answer: every order status is in. -#}
{% macro sales_measures(order_lines) -%}
    count(distinct {{ order_lines }}.order_number) as orders,
    count(*) as order_lines,
    cast(sum({{ order_lines }}.units) as bigint) as units,
    cast(sum({{ order_lines }}.sales_amount) as decimal(18, 2)) as sales_amount
{%- endmacro %}

{#- A total of cents shared by a number of rows, exactly: six decimals, halves rounded away from zero. -#}
{% macro exact_average(total, row_count) -%}
    {{ adapter.dispatch('exact_average', 'refera')(total, row_count) }}
{%- endmacro %}

{#- DuckDB divides decimals as floats, so the division is done on whole millionths. -#}
{% macro duckdb__exact_average(total, row_count) -%}
    cast(
        cast(
            sign({{ total }}) * (
                (2 * cast(abs({{ total }}) * 1000000 as hugeint) + {{ row_count }}) // (2 * {{ row_count }})
            ) as decimal(26, 0)
        ) * cast(0.000001 as decimal(6, 6)) as decimal(20, 6)
    )
{%- endmacro %}

{% macro spark__exact_average(total, row_count) -%}
    cast(round(cast({{ total }} as decimal(28, 2)) / {{ row_count }}, 6) as decimal(20, 6))
{%- endmacro %}

{% macro snowflake__exact_average(total, row_count) -%}
    cast(round({{ total }} / {{ row_count }}, 6) as decimal(20, 6))
{%- endmacro %}
