-- Left joins: a line whose order or product is missing keeps its money, at the unknown member. A product is the
-- version that was valid when the order was entered; without an order, the latest.
with

order_lines as (

    select * from {{ ref('stg_classicmodels__orderdetails') }}

),

orders as (

    select * from {{ ref('int_orders_with_sales_team') }}

),

dated_lines as (

    select
        order_lines.order_number,
        order_lines.product_code,
        order_lines.product_code_folded,
        order_lines.order_line_number,
        order_lines.units,
        order_lines.unit_price,
        order_lines.sales_amount,
        orders.customer_number,
        orders.order_date,
        orders.order_date_key,
        orders.required_date_key,
        orders.shipped_date_key,
        orders.customer_key,
        orders.sales_rep_key,
        orders.manager_key,
        orders.office_key,
        orders.order_status_key,
        order_lines.order_year_month,
        coalesce(orders.order_position, {{ end_of_day('null') }}) as order_position
    from order_lines
    left join orders on order_lines.order_number = orders.order_number

),

products as (

    select * from {{ ref('int_product_versions') }}

)

select
    dated_lines.order_number,
    dated_lines.product_code,
    dated_lines.order_line_number,
    dated_lines.customer_number,
    dated_lines.order_date,
    coalesce(dated_lines.order_date_key, -1) as order_date_key,
    coalesce(dated_lines.required_date_key, -1) as required_date_key,
    coalesce(dated_lines.shipped_date_key, -1) as shipped_date_key,
    coalesce(dated_lines.customer_key, -1) as customer_key,
    coalesce(products.version_key, -1) as product_key,
    coalesce(dated_lines.sales_rep_key, -1) as sales_rep_key,
    coalesce(dated_lines.manager_key, -1) as manager_key,
    coalesce(dated_lines.office_key, -1) as office_key,
    coalesce(dated_lines.order_status_key, -1) as order_status_key,
    dated_lines.units,
    dated_lines.unit_price,
    products.buy_price as unit_cost,
    dated_lines.sales_amount,
    cast(dated_lines.units * products.buy_price as decimal(18, 2)) as cost_amount,
    cast(dated_lines.sales_amount - dated_lines.units * products.buy_price as decimal(18, 2)) as margin_amount,
    dated_lines.order_year_month
from dated_lines
left join products
    on
        dated_lines.product_code_folded = products.product_code_folded
        and {{ valid_at('dated_lines.order_position', 'products') }}
