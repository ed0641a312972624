with

order_lines as (

    {{ signed_rows(ref('fct_order_lines'), published('fct_order_lines')) }}

),

statuses as (

    {{ signed_rows(ref('dim_order_status'), published('dim_order_status')) }}

),

dates as (

    select * from {{ ref('dim_date') }}

),

sales as (

    select
        order_lines.order_date,
        {{ sales_measures() }}
    from order_lines
    inner join statuses
        on order_lines.order_status_key = statuses.order_status_key and order_lines.sign = statuses.sign
    group by order_lines.order_date, order_lines.sign
    {%- if published('ans_sales_by_order_date') %}
    union all
    select
        order_date,
        orders,
        order_lines,
        units,
        sales_amount,
        cancelled_amount
    from {{ published('ans_sales_by_order_date') }}
    {%- endif %}

),

totals as (

    select
        order_date,
        {{ sales_totals() }}
    from sales
    group by order_date
    having
        {{ sales_are_left() }}

)

select
    totals.order_date,
    totals.orders,
    totals.order_lines,
    totals.units,
    totals.sales_amount,
    totals.cancelled_amount,
    dates.month_name_en,
    dates.month_name_pt,
    dates.weekday_name_en,
    dates.weekday_name_pt
from totals
left join dates on totals.order_date = dates.date_day
