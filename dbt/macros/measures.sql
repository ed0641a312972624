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

{#-
    Sales summed up by some columns, over all months. A build that follows the day's changes has only the order
    lines of the months that it writes anew; it takes what these months had out of the published answer and puts
    in what they have now, in whole numbers and cents, so nothing drifts.

    answer: the answer itself. by: name of each column -> what it is of `order_lines` and the dimensions.
    dimensions: alias of each dimension that `by` speaks of -> (model, key in the dimension, key in the fact).
-#}
{% macro sales_by(answer, by, dimensions={}) -%}
    select
        {{ by | join(', ') }},
        cast(sum(orders) as bigint) as orders,
        cast(sum(order_lines) as bigint) as order_lines,
        cast(sum(units) as bigint) as units,
        cast(sum(sales_amount) as decimal(18, 2)) as sales_amount
    from (
        select
            {% for name, expression in by.items() -%}
            {{ expression }} as {{ name }},
            {% endfor -%}
            {{ sales_measures('order_lines') }}
        from {{ ref('fct_order_lines') }} as order_lines
        {%- for alias, (model, key, foreign_key) in dimensions.items() %}
        inner join {{ ref(model) }} as {{ alias }} on order_lines.{{ foreign_key }} = {{ alias }}.{{ key }}
        {%- endfor %}
        group by {{ by.values() | join(', ') }}
        {%- if is_served(answer) | trim %}
        union all
        select
            {% for name, expression in by.items() -%}
            {{ expression }} as {{ name }},
            {% endfor -%}
            -count(distinct order_lines.order_number) as orders,
            -count(*) as order_lines,
            -cast(sum(order_lines.units) as bigint) as units,
            -cast(sum(order_lines.sales_amount) as decimal(18, 2)) as sales_amount
        from {{ served('fct_order_lines') }} as order_lines
        {%- for alias, (model, key, foreign_key) in dimensions.items() %}
        inner join {{ served(model) }} as {{ alias }} on order_lines.{{ foreign_key }} = {{ alias }}.{{ key }}
        {%- endfor %}
        group by {{ by.values() | join(', ') }}
        union all
        select {{ by | join(', ') }}, orders, order_lines, units, sales_amount
        from {{ served(answer) }}
        {%- endif %}
    ) as months
    group by {{ by | join(', ') }}
    having sum(order_lines) > 0
{%- endmacro %}
