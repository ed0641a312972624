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
    What a sale is counted in, the same in every answer: every order status is in, and the money of the orders that
    were called off is told beside. Name of each measure -> what it is of `order_lines` and `statuses`, and its type.
-#}
{% macro sales_measures() -%}
    {{ return({
        'orders': ('count(distinct order_lines.order_number)', 'bigint'),
        'order_lines': ('count(*)', 'bigint'),
        'units': ('sum(order_lines.units)', 'bigint'),
        'sales_amount': ('sum(order_lines.sales_amount)', 'decimal(18, 2)'),
        'cancelled_amount': (
            'coalesce(sum(order_lines.sales_amount * cast(statuses.is_cancelled as integer)), 0)', 'decimal(18, 2)'
        ),
    }) }}
{%- endmacro %}

{#-
    Sales summed up by some columns, over all months. A build that follows the day's changes has only the order
    lines of the months that it writes anew; it takes what these months had out of the published answer and puts
    in what they have now, in whole numbers and cents, so nothing drifts. A group in which nothing is left is
    dropped; one that would have less than nothing is kept, for the tests of the answer to see.

    answer: the answer itself. by: name of each column -> what it is of `order_lines` and the dimensions.
    dimensions: alias of each dimension that `by` speaks of -> (model, key in the dimension, key in the fact);
    `statuses` is always there.
    folds: name of each text of `by` -> table and column of the source whose values it has. It is summed up by what the
    source calls equal, and the answer gets it folded: whoever asks joins the member for its spelling.
-#}
{% macro sales_by(answer, by, dimensions={}, folds={}) -%}
    {%- set measures = sales_measures() -%}
    {%- set dimensions = dict(
        dimensions, statuses=('dim_order_status', 'order_status_key', 'order_status_key')
    ) -%}
    {%- set groups, kept = {}, [] -%}
    {%- for name, expression in by.items() -%}
        {%- set place = folds.get(name) -%}
        {%- do groups.update({name: folded(expression, place[0], place[1]) if place else expression}) -%}
        {%- do kept.append((folded(name, place[0], place[1]) ~ ' as ' ~ name) if place else name) -%}
    {%- endfor %}
    select
        {{ by | join(', ') }},
        {%- for measure, (expression, type) in measures.items() %}
        cast(sum({{ measure }}) as {{ type }}) as {{ measure }}{{ "," if not loop.last }}
        {%- endfor %}
    from (
        select
            {% for name, expression in groups.items() -%}
            {{ expression }} as {{ name }},
            {% endfor -%}
            {% for measure, (expression, type) in measures.items() -%}
            cast({{ expression }} as {{ type }}) as {{ measure }}{{ "," if not loop.last }}
            {% endfor %}
        from {{ ref('fct_order_lines') }} as order_lines
        {%- for alias, (model, key, foreign_key) in dimensions.items() %}
        inner join {{ ref(model) }} as {{ alias }} on order_lines.{{ foreign_key }} = {{ alias }}.{{ key }}
        {%- endfor %}
        group by {{ groups.values() | join(', ') }}
        {%- if published(answer) %}
        union all
        select
            {% for name, expression in groups.items() -%}
            {{ expression }} as {{ name }},
            {% endfor -%}
            {% for measure, (expression, type) in measures.items() -%}
            -cast({{ expression }} as {{ type }}) as {{ measure }}{{ "," if not loop.last }}
            {% endfor %}
        from {{ published('fct_order_lines') }} as order_lines
        {%- for alias, (model, key, foreign_key) in dimensions.items() %}
        inner join {{ published(model) }} as {{ alias }} on order_lines.{{ foreign_key }} = {{ alias }}.{{ key }}
        {%- endfor %}
        group by {{ groups.values() | join(', ') }}
        union all
        select {{ kept | join(', ') }}, {{ measures | join(', ') }}
        from {{ published(answer) }}
        {%- endif %}
    ) as months
    group by {{ by | join(', ') }}
    having {% for measure in measures %}sum({{ measure }}) <> 0{{ " or " if not loop.last }}{% endfor %}
{%- endmacro %}
