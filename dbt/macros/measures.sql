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

{#-
    What a sale is counted in, the same in every answer, of `order_lines` and `statuses` grouped by `sign`. Every order
    status counts; the money of cancelled orders is given beside.
-#}
{% macro sales_measures() -%}
    order_lines.sign * count(distinct order_lines.order_number) as orders,
        order_lines.sign * count(*) as order_lines,
        order_lines.sign * sum(order_lines.units) as units,
        order_lines.sign * sum(order_lines.sales_amount) as sales_amount,
        order_lines.sign
        * coalesce(sum(order_lines.sales_amount * cast(statuses.is_cancelled as integer)), 0) as cancelled_amount
{%- endmacro %}

{#- These measures, summed over rows with both signs. -#}
{% macro sales_totals() -%}
    cast(sum(orders) as bigint) as orders,
        cast(sum(order_lines) as bigint) as order_lines,
        cast(sum(units) as bigint) as units,
        cast(sum(sales_amount) as decimal(18, 2)) as sales_amount,
        cast(sum(cancelled_amount) as decimal(18, 2)) as cancelled_amount
{%- endmacro %}

{#- Ends a `having`: a group without sales is dropped. One with less than none stays, so that the answer's tests find it. -#}
{% macro sales_are_left() -%}
    sum(orders) <> 0 or sum(order_lines) <> 0 or sum(units) <> 0
        or sum(sales_amount) <> 0 or sum(cancelled_amount) <> 0
{%- endmacro %}
