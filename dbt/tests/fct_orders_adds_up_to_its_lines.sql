-- Lines whose order is missing are in no order; all other lines must be in one.
with

orders as (

    select * from {{ ref('fct_orders') }}

),

order_lines as (

    select * from {{ ref('stg_classicmodels__orderdetails') }}

),

line_totals as (

    select
        count(*) as line_count,
        coalesce(sum(order_lines.units), 0) as units,
        coalesce(sum(order_lines.units * order_lines.unit_price), 0) as sales_amount
    from order_lines
    inner join orders on order_lines.order_number = orders.order_number

),

order_totals as (

    select
        coalesce(sum(line_count), 0) as line_count,
        coalesce(sum(units), 0) as units,
        coalesce(sum(sales_amount), 0) as sales_amount
    from orders

)

select
    line_totals.line_count as line_count_of_lines,
    order_totals.line_count as line_count_of_orders,
    line_totals.units as units_of_lines,
    order_totals.units as units_of_orders,
    line_totals.sales_amount as sales_amount_of_lines,
    order_totals.sales_amount as sales_amount_of_orders
from line_totals
cross join order_totals
where
    line_totals.line_count <> order_totals.line_count
    or line_totals.units <> order_totals.units
    or line_totals.sales_amount <> order_totals.sales_amount
